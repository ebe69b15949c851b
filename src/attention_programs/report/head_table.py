"""The table of all heads: each one's program, fit, best baseline and ablation effect."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from attention_programs.errors import UserError
from attention_programs.files import records
from attention_programs.models.head import Head
from attention_programs.programs.methods import BASELINES, SELECTED
from attention_programs.programs.record import ProgramRecord
from attention_programs.report.estimate import ABSENT, Estimate

_CORPUS_PREFIX = "iou_test_"


@dataclass(frozen=True)
class HeadRow:
    """One head as the page shows it."""

    head: str
    rank: int
    """Position by layer and head; the order of the rows."""
    program: ProgramRecord
    iou: Estimate
    sink_excluded: float
    baseline: str
    """Name of the baseline with the best validation IoU."""
    baseline_iou: float
    ablation_effect: Estimate
    """Nats per token."""
    effect_error: Estimate
    corpora: str
    """Test IoU by corpus, as text."""


def program_of(programs: Mapping[str, ProgramRecord], program_id: str, head: str) -> ProgramRecord:
    """A selected program.

    Raises:
        UserError: if it is not in the program table.
    """
    if program_id not in programs:
        raise UserError(
            f"heads.csv gives head {head} the program {program_id[:10]!r}, which is not in the program table; "
            "run `dvc repro select`"
        )
    return programs[program_id]


def head_rows(
    heads: pd.DataFrame, ablation_effect: pd.DataFrame, programs: Mapping[str, ProgramRecord]
) -> list[HeadRow]:
    """Joins the tables, one row per head, by layer and head.

    Raises:
        UserError: if a selected program is not in the program table.
    """
    names = [column.removeprefix(_CORPUS_PREFIX) for column in map(str, heads) if column.startswith(_CORPUS_PREFIX)]
    corpora = [name for name in names if name not in ("low", "high")]
    costs = {row.head: row for row in records(ablation_effect)}
    baselines = heads[heads["method"].isin(BASELINES)]
    strongest = {row.head: row for row in records(baselines.sort_values("iou_validation", na_position="first"))}
    selected = {Head.parse(row["head"]): row for row in heads[heads["method"] == SELECTED].to_dict("records")}
    rows = []
    for rank, (head, row) in enumerate(sorted(selected.items())):
        name = str(head)
        baseline, cost = strongest.get(name), costs.get(name)
        rows.append(
            HeadRow(
                head=name,
                rank=rank,
                program=program_of(programs, row["program_id"], name),
                iou=Estimate(row["iou_test"], row["iou_test_low"], row["iou_test_high"]),
                sink_excluded=row["sink_excluded_iou_test"],
                baseline=BASELINES[baseline.method].label if baseline else ABSENT,
                baseline_iou=baseline.iou_test if baseline else math.nan,
                ablation_effect=Estimate(cost.ablation_effect if cost else math.nan),
                effect_error=Estimate(cost.standard_error if cost else math.nan),
                corpora=", ".join(f"{corpus} {row[_CORPUS_PREFIX + corpus]:.3f}" for corpus in corpora),
            )
        )
    return rows
