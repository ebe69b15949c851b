"""The few heads shown in full, and the text each is shown on."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from attention_programs.attention.metrics import iou_of_shared
from attention_programs.attention.pattern_store import AttentionIndex, TextAttention
from attention_programs.files import records
from attention_programs.programs.record import ProgramRecord
from attention_programs.programs.run_result import Scored
from attention_programs.programs.runtime import run
from attention_programs.programs.tokens import Array
from attention_programs.programs.view import TokenView
from attention_programs.programs.vocabulary import find_term

WEAKEST_SHARE = 0.95
"""Position of the last example in the ranking: a weak head, but not the very worst."""
FEW_TOKENS = 12
"""Shorter texts are shown only if there are no longer ones."""


@dataclass(frozen=True)
class Choice:
    """A head to show, with its selected program."""

    head: str
    record: ProgramRecord
    iou_test: float
    """Mean over test texts."""


@dataclass(frozen=True)
class Example:
    """A chosen head on the test text whose IoU is closest to the head's mean."""

    choice: Choice
    text: TextAttention
    true_pattern: Array
    """Shape (n, n)."""
    predicted: Array
    """Shape (n, n)."""
    iou: float
    """On this text."""


def kind(record: ProgramRecord) -> str:
    """What a program does besides attending to the first token: its first other vocabulary term."""
    names = re.findall(r"\btext\.(?:key\.|query\.)?(\w+)", record.source)
    terms = [term.name for term in map(find_term, names) if term]
    return next((name for name in terms if name != "first_token"), "first_token")


def choose(heads: pd.DataFrame, programs: Mapping[str, ProgramRecord], count: int) -> list[Choice]:
    """Spreads the examples over the ranking by validation IoU, from the best head to a weak one, programs distinct.

    Among the neighbours of each place in the ranking, programs of a new kind come first, then the closest.
    """
    ranked = heads.sort_values(["iou_validation", "head"], ascending=[False, True])
    waiting = [Choice(row.head, programs[row.program_id], row.iou_test) for row in records(ranked)]
    rank = {choice.head: position for position, choice in enumerate(waiting)}
    places: list[float] = np.linspace(0, WEAKEST_SHARE * max(len(waiting) - 1, 0), count).tolist()
    chosen: list[Choice] = []
    for place in places:
        shown = {choice.record.id for choice in chosen}
        kinds = {kind(choice.record) for choice in chosen}
        near = [choice for choice in waiting if choice.record.id not in shown]
        if not near:
            break
        reach = len(waiting) / (2 * count)
        key = {c.head: (max(abs(rank[c.head] - place) - reach, 0), kind(c.record) in kinds, abs(rank[c.head] - place))
               for c in near}  # fmt: skip
        chosen.append(min(near, key=lambda choice: key[choice.head]))
    return chosen


def show(choices: Sequence[Choice], texts: Iterable[TextAttention], index: AttentionIndex) -> list[Example]:
    """Finds the typical text of each chosen head in one pass over the texts; of long ones the complete beginning."""
    compiled = {choice.head: choice.record.compiled() for choice in choices}
    best: dict[str, Example] = {}
    for text in (whole.complete for whole in texts):
        view = TokenView.of(text)
        for choice in choices:
            outcome = run(compiled[choice.head], view)
            if not isinstance(outcome, Scored):
                continue
            true_pattern = text.pattern(index.heads.index(choice.head))
            shared = float(np.minimum(true_pattern, outcome.weights).sum())
            example = Example(choice, text, true_pattern, outcome.weights, iou_of_shared(shared, view.n))
            if choice.head not in best or _strangeness(example) < _strangeness(best[choice.head]):
                best[choice.head] = example
    return [best[choice.head] for choice in choices if choice.head in best]


def _strangeness(example: Example) -> list[float | str]:
    distance = abs(example.iou - example.choice.iou_test)
    return [float(len(example.text.ids) < FEW_TOKENS), distance, example.text.key]
