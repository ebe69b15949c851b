"""The outcome of synthesis: each head's history by round, the programs, one row per head, and counts."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from attention_programs.llm.call_log import Call
from attention_programs.llm.evaluator import Fit
from attention_programs.programs.record import ProgramRecord
from attention_programs.sparse_search.coefficients import FittedCoefficients
from attention_programs.untrusted.vetting import Vetting


@dataclass(frozen=True)
class Written:
    """A runnable program written by the explainer, with its fit."""

    record: ProgramRecord
    fit: Fit
    round: int


@dataclass
class HeadSynthesis:
    """A head's history, round by round."""

    head: str
    best: Written | None = None
    failures: list[str] = field(default_factory=list)
    """Why the last round's candidates can't be used."""
    written: list[Written] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    kept_revision: bool = False
    fitted: ProgramRecord | None = None
    coefficients: FittedCoefficients | None = None

    def choose(self, number: int) -> None:
        """Updates the best program after a round.

        First the candidate closest on training texts; later, a revision that is closer on texts that no prompt shows.
        """
        fresh = [written for written in self.written if written.round == number]
        if not fresh:
            return
        best = min(fresh, key=lambda written: written.fit.distance)
        if self.best is None:
            self.best = best
        elif best.fit.distance_held_out < self.best.fit.distance_held_out:
            self.best, self.kept_revision = best, True


@dataclass
class SynthesisResult:
    """All heads, and the outcome of every candidate."""

    head_results: dict[str, HeadSynthesis]
    vettings: list[Vetting] = field(default_factory=list)
    problems: Counter[str] = field(default_factory=Counter)
    """Replies, or parts of replies, without a program to try, by reason."""
    candidates: int = 0
    repeated: int = 0
    """Candidates that an earlier reply for the same head already had."""
    prompts: int = 0
    prompts_reproduced_verbatim: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)


COLUMNS = (
    *("head", "programs", "kept_round", "jsd_first", "jsd_kept", "iou_first", "iou_kept", "iou_fitted"),
    *("coefficients", "prompt_tokens", "completion_tokens", "cost"),
)
"""Columns of ``explainer.csv``; scores are means over the training texts, empty if no program runs."""


@dataclass(frozen=True)
class Explained:
    """What the explainer gave, or all sources together."""

    programs: list[ProgramRecord]
    """All that run, and those with fitted coefficients; equal ones once, with the call of each head."""
    rejected: list[dict[str, Any]]
    """Rejected untrusted programs, each with its reason."""
    heads: pd.DataFrame
    """One row per head that the explainer was asked about."""
    metrics: dict[str, Any]


def explained(synthesis: SynthesisResult, elsewhere: Collection[str]) -> Explained:
    """Summarises a synthesis.

    Args:
        synthesis: All heads.
        elsewhere: Ids of other sources' programs, which are left to those sources.
    """
    head_results = list(synthesis.head_results.values())
    records = [record for head_result in head_results for record in _records(head_result)]
    programs = [record for record in _joined(records) if record.id not in elsewhere]
    rejected = [rejection for vetting in synthesis.vettings for rejection in vetting.rejected]
    by_reason = Counter(str(rejection.reason) for rejection in rejected)
    rows = [_row(head_result) for head_result in head_results]
    calls = [call for head_result in head_results for call in head_result.calls]
    metrics = {
        "heads_asked": len(head_results),
        "heads_with_a_program": sum(head_result.best is not None for head_result in head_results),
        "prompts": synthesis.prompts,
        "prompts_reproduced_verbatim": synthesis.prompts_reproduced_verbatim,
        "candidates": synthesis.candidates,
        "repeated": synthesis.repeated,
        "rejected": dict(sorted(by_reason.items())),
        "replies_without_a_program": dict(sorted(synthesis.problems.items())),
        "looks_ahead": sum(record.prefix_test == "looks_ahead" for record in records),
        "programs": len(programs),
        "programs_known_elsewhere": len({record.id for record in records} & set(elsewhere)),
        "revisions_kept": sum(head_result.kept_revision for head_result in head_results),
        "coefficients_improved": sum(head_result.fitted is not None for head_result in head_results),
        "explainer": _served_by(calls),
        "prompt_tokens": sum(call.usage.prompt for call in calls),
        "completion_tokens": sum(call.usage.reply for call in calls),
        "cost": sum(call.cost for call in calls),
    }
    return Explained(
        programs, [rejection.to_json() for rejection in rejected], pd.DataFrame(rows, columns=list(COLUMNS)), metrics
    )


def _records(head_result: HeadSynthesis) -> list[ProgramRecord]:
    fitted = [] if head_result.fitted is None else [head_result.fitted]
    return [*(written.record for written in head_result.written), *fitted]


def _joined(records: Iterable[ProgramRecord]) -> list[ProgramRecord]:
    joined: dict[str, ProgramRecord] = {}
    for record in records:
        (head,) = record.intended_heads
        first = joined.get(record.id, replace(record, intended_heads=[]))
        calls = {**first.provenance.get("calls", {}), head: record.provenance["call"]}
        heads = list(dict.fromkeys([*first.intended_heads, head]))
        joined[record.id] = replace(first, intended_heads=heads, provenance={**first.provenance, "calls": calls})
    return list(joined.values())


def _row(head_result: HeadSynthesis) -> dict[str, Any]:
    first = min(
        (written for written in head_result.written if written.round == 0), key=lambda w: w.fit.distance, default=None
    )
    kept = head_result.best
    fitted = head_result.fitted.provenance["iou_train"] if head_result.fitted else (kept.fit.iou if kept else None)
    return {
        "head": head_result.head,
        "programs": len(_records(head_result)),
        "kept_round": kept.round if kept else None,
        "jsd_first": first.fit.distance if first else None,
        "jsd_kept": kept.fit.distance if kept else None,
        "iou_first": first.fit.iou if first else None,
        "iou_kept": kept.fit.iou if kept else None,
        "iou_fitted": fitted,
        "coefficients": head_result.coefficients.coefficients if head_result.coefficients else 0,
        "prompt_tokens": sum(call.usage.prompt for call in head_result.calls),
        "completion_tokens": sum(call.usage.reply for call in head_result.calls),
        "cost": sum(call.cost for call in head_result.calls),
    }


def _served_by(calls: Iterable[Call]) -> dict[str, str]:
    known = [item for call in calls for item in call.served_by.items()]
    return {name: value for name, value in known if name not in ("address", "batch")}
