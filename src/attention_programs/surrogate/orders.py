"""Which program replaces which head, which heads go first, and which ranking keeps the model best."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from attention_programs.config import ReplacementSettings
from attention_programs.errors import UserError
from attention_programs.files import read_csv, records
from attention_programs.models.head import Head
from attention_programs.models.loading import LoadedModel
from attention_programs.programs.methods import SELECTED
from attention_programs.programs.table import ProgramRecord
from attention_programs.scoring.assignments import Assignment
from attention_programs.surrogate.damage import HeadDamage, SingleEffects
from attention_programs.surrogate.maps import MapCache
from attention_programs.surrogate.replacement import Curve, measure_curves, perplexity_table, shares
from attention_programs.surrogate.windows import Windows


def distilled_assignment(heads: Sequence[Head], distilled: Sequence[ProgramRecord], percent: int) -> Assignment:
    """The distilled programs of heads that are replaced together.

    Args:
        heads: The heads.
        distilled: Programs with distilled constants, of every share.
        percent: Share of the studied heads that they are; the next larger one that was distilled gives the constants.

    Raises:
        UserError: if a program is missing.
    """
    shares = sorted({share for program in distilled if (share := share_of(program)) >= percent})
    found = {Head.parse(p.intended_heads[0]): p for p in distilled if shares and share_of(p) == shares[0]}
    missing = [head for head in heads if head not in found]
    if missing:
        raise UserError(f"head {missing[0]} has no program distilled for {percent} percent; run `dvc repro distil`")
    return {head: found[head] for head in heads}


def share_of(program: ProgramRecord) -> int:
    """Share of the heads that a distilled program was fitted among, in percent."""
    return int(program.provenance["share"])


def order_by_iou(method: str, heads: pd.DataFrame) -> list[Head]:
    """Heads by descending validation IoU of a method's programs (the paper's order); ties by name."""
    rows = heads[heads["method"] == method]
    ranked = sorted((-row.iou_validation, Head.parse(row.head)) for row in records(rows))
    return [head for _, head in ranked]


def order_by_damage(damages: Sequence[HeadDamage]) -> list[Head]:
    """Heads by ascending damage of their single replacement; ties by name."""
    return [damage.head for damage in sorted(damages, key=lambda d: (d.damage, d.head))]


def damage_table(effects: SingleEffects) -> pd.DataFrame:
    """One row a head; the texts and the reliability of the ranking stand in each."""
    whole = {"texts": effects.texts, "reliability": effects.reliability}
    return pd.DataFrame([{**asdict(damage), "head": str(damage.head), **whole} for damage in effects.heads])


Orders = dict[str, list[Head]]
"""Heads, the first to be replaced first, by the order's name."""


def order_table(orders: Orders) -> pd.DataFrame:
    """One row a head with its rank in each order; :func:`read_orders` reads it back."""
    ranks = {name: {head: rank for rank, head in enumerate(heads)} for name, heads in orders.items()}
    heads = sorted(next(iter(orders.values())))
    return pd.DataFrame([{"head": str(head), **{name: rank[head] for name, rank in ranks.items()}} for head in heads])


def read_orders(path: Path) -> Orders:
    """Reads the table of orders.

    Raises:
        UserError: if it is missing.
    """
    table = read_csv(path)
    return {
        name: [Head.parse(head) for head in table.sort_values(name)["head"]] for name in table.columns if name != "head"
    }


def compare_orders(
    loaded: LoadedModel,
    assignment: Assignment,
    orders: Orders,
    percents: Sequence[int],
    validation: Windows,
    settings: ReplacementSettings,
    cache: MapCache,
) -> pd.DataFrame:
    """Measures every order at some shares of the heads; the one with the lowest mean loss over them is chosen.

    Returns:
        One row an order and share: increase of validation perplexity in percent, and whether the order is chosen.
    """
    curves = [Curve(SELECTED, name, shares(assignment, heads, percents)) for name, heads in orders.items()]
    measured = measure_curves(
        loaded, curves, validation, settings.batch_texts, cache, settings.look_ahead, settings.precision
    )
    table = perplexity_table(measured, samples=1, seed=0)
    losses = np.log1p(table["increase"] / 100).groupby(table["order"]).mean()
    return pd.DataFrame(
        {
            "order": table["order"],
            "percent": table["percent"],
            "tokens": table["tokens"],
            "increase_validation": table["increase"],
            "chosen": table["order"] == losses.idxmin(),
        }
    )


def chosen_order(path: Path) -> str:
    """Name of the order that was chosen, from the table of :func:`compare_orders`.

    Raises:
        UserError: if the table is missing.
    """
    table = read_csv(path)
    return str(table.loc[table["chosen"], "order"].iloc[0])
