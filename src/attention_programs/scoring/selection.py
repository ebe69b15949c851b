"""The best program of each head: chosen on validation, reported on test."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from attention_programs.config import ScoringSettings
from attention_programs.errors import UserError
from attention_programs.programs.methods import AUTHORS, BASELINE, FITTED_SINK_SELF, SELECTED
from attention_programs.programs.record import ProgramRecord
from attention_programs.scoring.bootstrap import interval_of_means, resample_weights

if TYPE_CHECKING:  # reading the tables does not need torch
    from attention_programs.scoring.score_table import SplitScores


Choices = dict[str, list[int]]
"""For each method, the index of each head's program in the program table."""


def choose(
    programs: Sequence[ProgramRecord],
    validation: "SplitScores",
    heads: Sequence[str],
    causal: bool,
    look_ahead: Collection[str] = (),
) -> Choices:
    """Chooses a program per head for every method.

    ``selected`` and each source's method (``search``, ``curated``, ``llm``, ``imported``) take the program with the
    best mean IoU on validation. A baseline is one program for all heads, except the fitted sink + self baseline, whose
    weight was fitted to each head on train. Selected programs go into the model, so for a causal model (``causal``)
    programs that look ahead are left out, except those named in ``look_ahead``.

    Raises:
        UserError: if the scores are for other programs or heads, or a head has no fitted baseline.
    """
    if [program.id for program in programs] != validation.programs:
        raise UserError("programs.jsonl and the score table have different programs; run `dvc repro score`")
    if validation.iou.shape[-1] != len(heads):
        found, scored = len(heads), validation.iou.shape[-1]
        raise UserError(f"{found} heads are selected and {scored} scored; run `dvc repro score`")
    means = validation.iou.mean(axis=0)
    written = [i for i, program in enumerate(programs) if program.author != BASELINE]
    usable = [i for i in written if not causal or programs[i].may_go_into_a_causal_model(look_ahead)]
    groups = {SELECTED: usable} | {author: [i for i in written if programs[i].author == author] for author in AUTHORS}
    choices = {
        method: [group[int(np.argmax(means[group, head]))] for head in range(len(heads))]
        for method, group in groups.items()
        if group
    }
    for i, program in enumerate(programs):
        if program.author == BASELINE and "file" in program.provenance:
            choices[program.name] = [i] * len(heads)
    fitted = {head: i for i, p in enumerate(programs) if p.author == BASELINE for head in p.intended_heads}
    missing = [head for head in heads if head not in fitted]
    if missing:
        raise UserError(f"head {missing[0]} has no fitted sink + self baseline; run `dvc repro synthesize`")
    return choices | {FITTED_SINK_SELF: [fitted[head] for head in heads]}


@dataclass(frozen=True)
class Selection:
    """The tables written by the select stage."""

    heads: pd.DataFrame
    """One row per head and method."""
    iou: pd.DataFrame
    """One row per method, corpus and measure."""


def report_selection(
    programs: Sequence[ProgramRecord],
    choices: Choices,
    validation: "SplitScores",
    test: "SplitScores",
    heads: Sequence[str],
    settings: ScoringSettings,
    generator: np.random.Generator,
) -> Selection:
    """Scores every choice on test texts, with intervals over texts."""
    corpora = ["all", *sorted(set(test.corpora))]
    samples = settings.bootstrap_samples
    weights = {corpus: resample_weights(len(test.in_corpus(corpus)), samples, generator) for corpus in corpora}
    columns = range(len(heads))
    head_tables, rows = [], []
    for method, positions in choices.items():
        chosen = [programs[i] for i in positions]
        measures = {
            "iou": test.iou[:, positions, columns],
            "sink_excluded_iou": test.sink_excluded_iou[:, positions, columns],
            "jsd": np.sqrt(test.divergence[:, positions, columns]),
        }
        intervals = interval_of_means(measures["iou"], weights["all"])
        table = {
            "head": list(heads),
            "method": method,
            "program_id": [p.id for p in chosen],
            "program_name": [p.name for p in chosen],
            "author": [p.author for p in chosen],
            "iou_validation": validation.iou[:, positions, columns].mean(axis=0),
            "iou_test": [i.mean for i in intervals],
            "iou_test_low": [i.low for i in intervals],
            "iou_test_high": [i.high for i in intervals],
            "sink_excluded_iou_test": measures["sink_excluded_iou"].mean(axis=0),
            "jsd_test": measures["jsd"].mean(axis=0),
        }
        for corpus in corpora[1:]:
            table[f"iou_test_{corpus}"] = measures["iou"][test.in_corpus(corpus)].mean(axis=0)
        head_tables.append(pd.DataFrame(table))
        for measure, values in measures.items():
            for corpus in corpora:
                per_text = values[test.in_corpus(corpus)].mean(axis=1, keepdims=True)
                (interval,) = interval_of_means(per_text, weights[corpus])
                rows.append({"method": method, "corpus": corpus, "metric": measure, **asdict(interval)})
    return Selection(pd.concat(head_tables, ignore_index=True), pd.DataFrame(rows))
