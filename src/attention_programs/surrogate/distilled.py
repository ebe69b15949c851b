"""Programs with distilled coefficients: their source, their records, and how well they still fit the patterns."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd

from attention_programs.attention.pattern_store import AttentionIndex, TextAttention
from attention_programs.config import DistillationSettings
from attention_programs.models.head import Head
from attention_programs.programs.code_generation import WeightedTerm, emit
from attention_programs.programs.methods import SEARCH
from attention_programs.programs.parser import read_terms
from attention_programs.programs.prefix import prefix_verdict
from attention_programs.programs.record import ProgramRecord, make_record
from attention_programs.programs.runner import Runner
from attention_programs.programs.view import TokenView
from attention_programs.scoring.assignments import Assignment, score_assignments

SPREAD_TEXTS = 6
"""Number of training texts on which each term's influence on the scores is measured."""


def distilled_programs(
    assignment: Assignment,
    percent: int,
    coefficients: Mapping[Head, Sequence[float]],
    views: Sequence[TokenView],
    settings: DistillationSettings,
) -> dict[Head, ProgramRecord]:
    """Each replaced head's program with the coefficients that preserve the model's predictions, to one decimal.

    A program whose coefficients could not be fitted stays as it is.

    Args:
        assignment: The programs of the replaced heads that distillation started from.
        percent: Percentage of the selected heads that is replaced.
        coefficients: In the order of each program's terms.
        views: Texts on which each term's influence on the scores is measured, for the description.
        settings: Settings to record with the programs.
    """
    made = {}
    for head, parent in assignment.items():
        name, place = f"distilled {head} among {percent} %", {"percent": percent}
        if head not in coefficients:
            provenance = parent.provenance | place
            made[head] = replace(parent, name=name, intended_heads=[str(head)], provenance=provenance)
            continue
        terms = read_terms(parent.source, parent.name)
        pairs = zip(terms, coefficients[head], strict=True)
        fitted = [replace(term, coefficient=round(value, 1) + 0.0) for term, value in pairs]
        provenance = {
            "author": SEARCH,
            "objective": "output_kl_loss",
            "parent": parent.id,
            "layer_steps": settings.layer_steps,
            "prediction_steps": settings.prediction_steps(percent),
            "settings": asdict(settings),
        }
        source = emit(_weighted([term for term in fitted if term.coefficient], views))
        record = make_record(source, name, SEARCH, "prefix_only", [str(head)], provenance | place)
        made[head] = replace(record, prefix_test=prefix_verdict(record.compiled(), views))
    return made


def _weighted(terms: Sequence[WeightedTerm], views: Sequence[TokenView]) -> list[WeightedTerm]:
    """The terms with their influence on the scores: |coefficient| x spread under the program's own pattern."""
    variance = np.zeros(len(terms))
    rows = sum(view.n for view in views)
    for view in views:
        values = np.stack([term.feature.matrix(view) for term in terms]) if terms else np.zeros((0, view.n, view.n))
        weights = view.softmax(np.tensordot([term.coefficient for term in terms], values, axes=1))
        means = (values * weights).sum(axis=2)
        variance += (values**2 * weights).sum(axis=(1, 2)) - (means**2).sum(axis=1)
    influences = [abs(t.coefficient) * float(np.sqrt(max(v, 0.0) / rows)) for t, v in zip(terms, variance, strict=True)]
    return [replace(t, influence=influence) for t, influence in zip(terms, influences, strict=True)]


@dataclass(frozen=True)
class Objective:
    """Programs whose coefficients were fitted with one loss."""

    name: str
    """``attention_loss`` for the patterns, ``output_kl_loss`` for the model's predictions."""
    percent: int
    """Percentage of heads replaced."""
    assignment: Assignment


def fit_of_objectives(
    objectives: Sequence[Objective], texts: Iterable[TextAttention], index: AttentionIndex, runner: Runner
) -> pd.DataFrame:
    """Mean IoU over heads and texts of each kind of coefficients, every program against its own head.

    Returns:
        One row per objective and percentage of heads; none for a percentage that rounds to no head.
    """
    named = {f"{objective.name}/{objective.percent}": objective for objective in objectives if objective.assignment}
    scores = score_assignments({name: objective.assignment for name, objective in named.items()}, texts, index, runner)
    rows = [(one.name, one.percent, len(one.assignment), scores[key].iou.mean()) for key, one in named.items()]
    return pd.DataFrame(rows, columns=["objective", "percent", "heads", "iou_test"])
