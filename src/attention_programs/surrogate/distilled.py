"""Programs with distilled constants: their source, their record, and how well they still fit the maps."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace

import numpy as np
import pandas as pd

from attention_programs.attention.store import AttentionIndex, MappedText
from attention_programs.config import DistillationSettings
from attention_programs.heads import Head
from attention_programs.programs.execution import Runner
from attention_programs.programs.prefix import causality
from attention_programs.programs.table import ProgramRecord, make_record
from attention_programs.programs.view import TokenView
from attention_programs.scoring.kernel import iou_from_intersection
from attention_programs.scoring.table import score_texts
from attention_programs.scoring.workers import Workers
from attention_programs.surrogate.maps import Assignment
from attention_programs.synthesis.emission import WeightedTerm, emit
from attention_programs.synthesis.reading import Term, read_terms


def distilled_programs(
    assignment: Assignment,
    constants: Mapping[Head, Sequence[float]],
    views: Sequence[TokenView],
    settings: DistillationSettings,
) -> dict[Head, ProgramRecord]:
    """Each head's program with the constants that keep the model's predictions, rounded to one decimal.

    A program whose constants could not be fitted stays as it is.

    Args:
        assignment: The programs that distillation started from.
        constants: In the order of each program's terms.
        views: Texts that tell how much each term moves the scores, for the sentence.
        settings: What is noted in the record.
    """
    made = {}
    for head, parent in assignment.items():
        if head not in constants:
            made[head] = replace(parent, name=f"distilled {head}", intended_heads=[str(head)])
            continue
        terms = read_terms(parent.source, parent.name)
        fitted = [Term(term.feature, round(value, 1) + 0.0) for term, value in zip(terms, constants[head], strict=True)]
        provenance = {
            "author": "search",
            "objective": "causal",
            "parent": parent.id,
            "settings": asdict(settings),
        }
        source = emit(_weighted([term for term in fitted if term.constant], views))
        record = make_record(source, f"distilled {head}", "search", "verified", [str(head)], provenance)
        made[head] = record.with_causality(causality(record.compiled(), views))
    return made


def _weighted(terms: Sequence[Term], views: Sequence[TokenView]) -> list[WeightedTerm]:
    """The terms with how much each moves the scores: |constant| x spread under the program's own map."""
    variance = np.zeros(len(terms))
    rows = sum(view.n for view in views)
    for view in views:
        values = np.stack([term.feature.matrix(view) for term in terms]) if terms else np.zeros((0, view.n, view.n))
        weights = view.softmax(np.tensordot([term.constant for term in terms], values, axes=1))
        means = (values * weights).sum(axis=2)
        variance += (values**2 * weights).sum(axis=(1, 2)) - (means**2).sum(axis=1)
    influences = [abs(t.constant) * float(np.sqrt(max(v, 0.0) / rows)) for t, v in zip(terms, variance, strict=True)]
    return [WeightedTerm(t.feature, t.constant, influence) for t, influence in zip(terms, influences, strict=True)]


def fit_of_objectives(
    assignments: Mapping[str, Assignment],
    texts: Iterable[MappedText],
    index: AttentionIndex,
    runner: Runner,
    workers: Workers,
) -> pd.DataFrame:
    """Mean IoU over heads and texts of each kind of constants, every program against its own head.

    Returns:
        One row an objective.
    """
    heads = {name: number for number, name in enumerate(index.heads)}
    programs = list({p.id: p for assignment in assignments.values() for p in assignment.values()}.values())
    place = {program.id: number for number, program in enumerate(programs)}
    sums = dict.fromkeys(assignments, 0.0)
    count = 0
    for table in score_texts(texts, programs, runner.outcomes, index.causal, workers):
        count += 1
        shared = table["intersection"].combine_chunks().flatten().to_numpy().reshape(len(programs), -1)
        rows = table["rows"][0].as_py()
        for objective, assignment in assignments.items():
            own = [shared[place[program.id], heads[str(head)]] for head, program in assignment.items()]
            sums[objective] += float(iou_from_intersection(np.array(own), rows).mean())
    return pd.DataFrame([{"objective": name, "iou_test": total / count} for name, total in sums.items()])
