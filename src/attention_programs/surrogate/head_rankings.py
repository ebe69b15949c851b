"""Which program replaces which head, which heads go first, and which ranking preserves the model best."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np
import pandas as pd

from attention_programs.config import ReplacementSettings
from attention_programs.errors import UserError
from attention_programs.files import read_csv, records
from attention_programs.models.head import Head
from attention_programs.models.loading import LoadedModel
from attention_programs.programs.methods import SELECTED
from attention_programs.programs.record import ProgramRecord
from attention_programs.scoring.assignments import Assignment
from attention_programs.surrogate.ablation import AblationEffect, SingleEffects
from attention_programs.surrogate.loss_meter import LossMeter
from attention_programs.surrogate.pattern_cache import PatternCache
from attention_programs.surrogate.replacement import Curve, measure_curves, perplexity_table, replaced_at
from attention_programs.surrogate.windows import Windows


def distilled_assignment(heads: Sequence[Head], distilled: Sequence[ProgramRecord], percent: int) -> Assignment:
    """The distilled programs of heads that are replaced together.

    Args:
        heads: The heads.
        distilled: Programs with distilled coefficients, for every percentage.
        percent: Percentage of the selected heads that they are; coefficients are those of the next larger percentage
            that was distilled.

    Raises:
        UserError: if a program is missing.
    """
    percents = sorted({each for program in distilled if (each := percent_of(program)) >= percent})
    found = {Head.parse(p.intended_heads[0]): p for p in distilled if percents and percent_of(p) == percents[0]}
    missing = [head for head in heads if head not in found]
    if missing:
        raise UserError(f"head {missing[0]} has no program distilled for {percent} percent; run `dvc repro distil`")
    return {head: found[head] for head in heads}


def percent_of(program: ProgramRecord) -> int:
    """Percentage of heads that was replaced when a distilled program was fitted."""
    return int(program.provenance["percent"])


def rank_by_iou(method: str, heads: pd.DataFrame) -> list[Head]:
    """Heads by descending validation IoU of a method's programs (the paper's ranking); ties by name."""
    rows = heads[heads["method"] == method]
    ranked = sorted((-row.iou_validation, Head.parse(row.head)) for row in records(rows))
    return [head for _, head in ranked]


def rank_by_ablation_effect(ablation_effects: Sequence[AblationEffect]) -> list[Head]:
    """Heads by ascending single-head ablation effect; ties by name."""
    return [effect.head for effect in sorted(ablation_effects, key=lambda d: (d.ablation_effect, d.head))]


def ablation_table(effects: SingleEffects) -> pd.DataFrame:
    """One row per head; each repeats the number of texts and the ranking's reliability."""
    whole = {"texts": effects.texts, "reliability": effects.reliability}
    rows = [{**asdict(effect), "head": str(effect.head), **whole} for effect in effects.heads]
    return pd.DataFrame(rows, columns=[*(field.name for field in fields(AblationEffect)), *whole])


HeadRankings = dict[str, list[Head]]
"""Heads in the order in which they are replaced, by the ranking's name."""


def ranking_table(rankings: HeadRankings) -> pd.DataFrame:
    """One row per head with its rank in each ranking; :func:`read_rankings` reads it back."""
    ranks = {name: {head: rank for rank, head in enumerate(heads)} for name, heads in rankings.items()}
    heads = sorted(next(iter(rankings.values())))
    return pd.DataFrame([{"head": str(head), **{name: rank[head] for name, rank in ranks.items()}} for head in heads])


def read_rankings(path: Path) -> HeadRankings:
    """Reads the table of rankings.

    Raises:
        UserError: if it is missing.
    """
    table = read_csv(path)
    names = table.columns.drop("head")
    return {name: [Head.parse(head) for head in table.sort_values(name)["head"]] for name in names}


def compare_rankings(
    loaded: LoadedModel,
    assignment: Assignment,
    rankings: HeadRankings,
    percents: Sequence[int],
    validation: Windows,
    settings: ReplacementSettings,
    cache: PatternCache,
) -> pd.DataFrame:
    """Measures every ranking at some percentages of heads and chooses the one with the lowest mean loss over them.

    Returns:
        One row per ranking and percentage: validation perplexity increase in percent, and whether it is chosen.
    """
    curves = [Curve(SELECTED, name, replaced_at(assignment, heads, percents)) for name, heads in rankings.items()]
    meter = LossMeter(loaded, validation, settings.batch_texts, cache, settings.look_ahead, settings.precision)
    measured = measure_curves(meter, curves)
    table = perplexity_table(measured, samples=1, seed=0)
    losses = np.log1p(table["increase"] / 100).groupby(table["ranking"]).mean()
    compared = table[["ranking", "percent", "tokens", "increase"]].rename(columns={"increase": "increase_validation"})
    return compared.assign(chosen=table["ranking"] == losses.idxmin())


def chosen_ranking(path: Path) -> str:
    """Name of the ranking that was chosen, from the table of :func:`compare_rankings`.

    Raises:
        UserError: if the table is missing.
    """
    table = read_csv(path)
    return str(table.loc[table["chosen"], "ranking"].iloc[0])
