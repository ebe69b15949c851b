"""What happened to each head, round by round, and what came of it: the programs, a row per head, the counts."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from attention_programs.llm.exchanges import Exchange
from attention_programs.llm.judging import Fit
from attention_programs.programs.table import ProgramRecord
from attention_programs.sparse_search.coefficients import FittedConstants
from attention_programs.untrusted.vetting import Admission


@dataclass(frozen=True)
class Written:
    """A program that the explainer wrote and that runs, with its fit."""

    record: ProgramRecord
    fit: Fit
    round: int


@dataclass
class HeadStory:
    """What happened to a head, round by round."""

    head: str
    best: Written | None = None
    failures: list[str] = field(default_factory=list)
    """Why the last round's candidates can't be used."""
    written: list[Written] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)
    kept_revision: bool = False
    fitted: ProgramRecord | None = None
    constants: FittedConstants | None = None

    def choose(self, number: int) -> None:
        """Keeps a program after a round.

        First the candidate nearest on training texts; later a revision that is nearer on texts no prompt shows.
        """
        fresh = [written for written in self.written if written.round == number]
        if not fresh:
            return
        best = min(fresh, key=lambda written: written.fit.distance)
        if self.best is None:
            self.best = best
        elif best.fit.distance_kept_back < self.best.fit.distance_kept_back:
            self.best, self.kept_revision = best, True


@dataclass
class Told:
    """All heads, and what became of every candidate."""

    stories: dict[str, HeadStory]
    admissions: list[Admission] = field(default_factory=list)
    problems: Counter[str] = field(default_factory=Counter)
    """Replies, or parts of one, without a program to try, by reason."""
    candidates: int = 0
    repeated: int = 0
    """Candidates that some reply for the same head held before."""
    prompts: int = 0
    prompts_as_recorded: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)


COLUMNS = (
    *("head", "programs", "kept_round", "jsd_first", "jsd_kept", "iou_first", "iou_kept", "iou_fitted"),
    *("constants", "prompt_tokens", "reply_tokens", "cost"),
)
"""Of ``explainer.csv``; scores are means over the training texts, empty where no program runs."""


@dataclass(frozen=True)
class Explained:
    """What the explainer gave."""

    programs: list[ProgramRecord]
    """All that run, and those with fitted constants; equal ones once, with the exchange of each head."""
    refused: list[dict[str, Any]]
    heads: pd.DataFrame
    metrics: dict[str, Any]


def explained(told: Told, elsewhere: Collection[str]) -> Explained:
    """Sums up what was told.

    Args:
        told: All heads.
        elsewhere: Ids of programs that other sources have; they stay theirs.
    """
    stories = list(told.stories.values())
    records = [record for story in stories for record in _records(story)]
    programs = [record for record in _joined(records) if record.id not in elsewhere]
    refused = [refusal for admission in told.admissions for refusal in admission.refused]
    by_reason = Counter(str(refusal.reason) for refusal in refused)
    looks_ahead = sum(record.causal == "looks ahead" for story in stories for record in _records(story))
    rows = [_row(story) for story in stories]
    exchanges = [exchange for story in stories for exchange in story.exchanges]
    metrics = {
        "heads_asked": len(stories),
        "heads_with_a_program": sum(story.best is not None for story in stories),
        "prompts": told.prompts,
        "prompts_as_recorded": told.prompts_as_recorded,
        "candidates": told.candidates,
        "repeated": told.repeated,
        "refused": dict(sorted(by_reason.items())),
        "replies_without_a_program": dict(sorted(told.problems.items())),
        "looks_ahead": looks_ahead,
        "programs": len(programs),
        "programs_known_elsewhere": len({record.id for record in records} & set(elsewhere)),
        "revisions_kept": sum(story.kept_revision for story in stories),
        "constants_improved": sum(story.fitted is not None for story in stories),
        "explainer": _served_by(exchanges),
        "prompt_tokens": sum(exchange.usage.prompt for exchange in exchanges),
        "reply_tokens": sum(exchange.usage.reply for exchange in exchanges),
        "cost": sum(exchange.cost for exchange in exchanges),
    }
    return Explained(
        programs, [refusal.to_json() for refusal in refused], pd.DataFrame(rows, columns=list(COLUMNS)), metrics
    )


def _records(story: HeadStory) -> list[ProgramRecord]:
    fitted = [] if story.fitted is None else [story.fitted]
    return [*(written.record for written in story.written), *fitted]


def _joined(records: Iterable[ProgramRecord]) -> list[ProgramRecord]:
    """Equal programs once: with all heads that they were written for, and the exchange of each."""
    joined: dict[str, ProgramRecord] = {}
    for record in records:
        (head,) = record.intended_heads
        first = joined.get(record.id, replace(record, intended_heads=[]))
        exchanges = {**first.provenance.get("exchanges", {}), head: record.provenance["exchange"]}
        heads = list(dict.fromkeys([*first.intended_heads, head]))
        joined[record.id] = replace(
            first, intended_heads=heads, provenance={**first.provenance, "exchanges": exchanges}
        )
    return list(joined.values())


def _row(story: HeadStory) -> dict[str, Any]:
    first = min(
        (written for written in story.written if written.round == 0), key=lambda w: w.fit.distance, default=None
    )
    kept = story.best
    fitted = story.fitted.provenance["iou_train"] if story.fitted else (kept.fit.iou if kept else None)
    return {
        "head": story.head,
        "programs": len(_records(story)),
        "kept_round": kept.round if kept else None,
        "jsd_first": first.fit.distance if first else None,
        "jsd_kept": kept.fit.distance if kept else None,
        "iou_first": first.fit.iou if first else None,
        "iou_kept": kept.fit.iou if kept else None,
        "iou_fitted": fitted,
        "constants": story.constants.constants if story.constants else 0,
        "prompt_tokens": sum(exchange.usage.prompt for exchange in story.exchanges),
        "reply_tokens": sum(exchange.usage.reply for exchange in story.exchanges),
        "cost": sum(exchange.cost for exchange in story.exchanges),
    }


def _served_by(exchanges: Iterable[Exchange]) -> dict[str, str]:
    """What is known of the explainer, without its address on some machine."""
    known: dict[str, str] = {}
    for exchange in exchanges:
        known |= {name: value for name, value in exchange.served_by.items() if name not in ("address", "batch")}
    return known
