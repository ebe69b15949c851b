"""Assignments of one program per head, and how well each program fits its head, text by text."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from attention_programs.attention.metrics import iou_of_shared, over_union
from attention_programs.attention.pattern_store import AttentionIndex, TextAttention
from attention_programs.errors import UserError
from attention_programs.files import records
from attention_programs.models.head import Head
from attention_programs.programs.record import ProgramRecord
from attention_programs.programs.runner import Runner
from attention_programs.scoring.predicted_patterns import predicted_patterns

Assignment = Mapping[Head, ProgramRecord]
"""Each head's program."""


def assignment_of(method: str, heads: pd.DataFrame, programs: Sequence[ProgramRecord]) -> Assignment:
    """The programs that a method chose, according to the table of heads.

    Raises:
        UserError: if the table has no such method or a program is missing.
    """
    by_id = {program.id: program for program in programs}
    rows = heads[heads["method"] == method]
    if rows.empty:
        raise UserError(f"heads.csv has no method {method!r}; it has {', '.join(heads['method'].unique())}")
    missing = set(rows["program_id"]) - set(by_id)
    if missing:
        raise UserError(
            f"heads.csv names program {min(missing)[:10]}, which is not in programs.jsonl; run `dvc repro select`"
        )
    return {Head.parse(row.head): by_id[row.program_id] for row in records(rows)}


@dataclass(frozen=True)
class OwnScores:
    """Scores of an assignment's programs on their own heads, each of shape (texts, heads)."""

    iou: NDArray[np.float64]
    sink_excluded_iou: NDArray[np.float64]
    """IoU without the first column."""


def score_assignments(
    assignments: Mapping[str, Assignment], texts: Iterable[TextAttention], index: AttentionIndex, runner: Runner
) -> dict[str, OwnScores]:
    """Scores every assignment; a program that fails on a text scores 0 there.

    Args:
        assignments: By name.
        texts: Texts with the patterns of ``index.heads``, read one at a time.
        index: The patterns' index.
        runner: Runs the programs.
    """
    place = {head: number for number, head in enumerate(index.head_list)}
    heads = {name: [place[head] for head in assignment] for name, assignment in assignments.items()}
    programs = {name: [program.id for program in assignment.values()] for name, assignment in assignments.items()}
    distinct = {program.id: program for assignment in assignments.values() for program in assignment.values()}
    found: dict[str, list[NDArray[np.float64]]] = {name: [] for name in assignments}
    for text in texts:
        packing = text.packing
        patterns = dict(zip(distinct, predicted_patterns(list(distinct.values()), text, runner), strict=True))
        attention = packing.weighted(text.entries)
        without_sink = np.ones(packing.entries, bool)
        without_sink[packing.starts] = False
        for name, own in heads.items():
            scores = [
                _score(patterns[program], attention[head], len(packing.rows), without_sink)
                for program, head in zip(programs[name], own, strict=True)
            ]
            found[name].append(np.reshape(scores, (len(own), 2)))  # an empty assignment has two empty columns
    return {name: OwnScores(*np.moveaxis(np.array(scores), -1, 0)) for name, scores in found.items()}


def _score(
    predicted: NDArray[np.float32], true_pattern: NDArray[np.float32], rows: int, without_sink: NDArray[np.bool_]
) -> tuple[float, float]:
    minima, maxima = np.minimum(predicted, true_pattern), np.maximum(predicted, true_pattern)
    rest = over_union(float(minima[without_sink].sum()), float(maxima[without_sink].sum()))
    return iou_of_shared(float(minima.sum()), rows), float(rest)
