"""Questions about how a story continues."""

from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np

from attention_programs.corpora.text import Text
from attention_programs.errors import UserError
from attention_programs.evaluation.sentences import passages

CONTEXT_WORDS = range(34, 66)
"""Words before the cut: enough to know who acts, few enough for two or three questions per story."""
ENDING_WORDS = range(10, 22)
"""Words after the cut: one or two sentences."""
CHOICES = 4
"""Number of endings in a question: the true one, and others from other stories."""
SIMILAR = 8
"""Wrong endings are drawn from this many of the most similar length, as longer endings are less likely in any case."""


@dataclass(frozen=True)
class Cut:
    """A passage of one story, cut into the context and its true ending."""

    story: str
    place: int
    context: str
    ending: str


def _next_cut(parts: list[str], start: int) -> tuple[int, int]:
    """Ends of the context and the ending that begin at ``start``; (0, 0) if none fit."""
    before = [0, *accumulate(len(part.split()) for part in parts)]  # words before each part
    for middle in range(start + 1, len(parts)):
        if before[middle] - before[start] in CONTEXT_WORDS:
            for stop in range(middle + 1, len(parts) + 1):
                if before[stop] - before[middle] in ENDING_WORDS:
                    return middle, stop
    return 0, 0


def cuts(text: Text) -> list[Cut]:
    """The passages of a story that make questions, in order and without overlap."""
    parts = passages(text.content)
    found: list[Cut] = []
    start = 0
    while (cut := _next_cut(parts, start)) != (0, 0):
        middle, stop = cut
        found.append(Cut(text.key, len(found), " ".join(parts[start:middle]), " ".join(parts[middle:stop])))
        start = stop
    return found


def _wrong_endings(cut: Cut, everything: list[Cut], rng: np.random.Generator) -> list[str]:
    others = [other for other in everything if other.story != cut.story and other.ending != cut.ending]

    def distance(other: Cut) -> tuple[bool, int]:
        return other.place != cut.place, abs(len(other.ending) - len(cut.ending))

    by_ending = {other.ending: other for other in sorted(others, key=distance, reverse=True)}
    nearest = sorted(by_ending.values(), key=distance)[:SIMILAR]
    if len(nearest) < CHOICES - 1:
        raise UserError(
            f"story_continuation: the stories next to {cut.story} offer {len(nearest)} endings, and {CHOICES - 1} are "
            "needed; raise corpora.limit or add longer stories"
        )
    chosen = rng.choice(len(nearest), size=CHOICES - 1, replace=False)
    return [nearest[i].ending for i in chosen]


def continuation_questions(texts: list[Text], rng: np.random.Generator) -> list[dict[str, Any]]:
    """Questions with four endings: the true one and three from comparable places of other stories.

    Returns:
        Dicts {story, context, choices: four endings, answer: index of the true one}, shuffled, so that the first few
        are a fair sample.

    Raises:
        UserError: if too few stories are long enough.
    """
    everything = [cut for text in sorted(texts, key=lambda text: text.key) for cut in cuts(text)]
    questions = []
    for cut in everything:
        endings = [cut.ending, *_wrong_endings(cut, everything, rng)]
        order = [int(i) for i in rng.permutation(CHOICES)]
        choices = [endings[i] for i in order]
        questions.append({"story": cut.story, "context": cut.context, "choices": choices, "answer": order.index(0)})
    return [questions[i] for i in rng.permutation(len(questions))]
