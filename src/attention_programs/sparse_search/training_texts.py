"""The training texts that prompts are made of and candidates are ranked on, with the patterns of all heads."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from attention_programs.attention.pattern_store import TextAttention
from attention_programs.programs.view import TokenView

OPENING = 60
"""Characters by which prompts tell texts apart."""


class ExplainedText(TextAttention):
    """A training text as programs see it, with its patterns."""

    @cached_property
    def view(self) -> TokenView:
        """What programs see of it, shared by all of them."""
        return TokenView.of(self)

    @property
    def opening(self) -> str:
        """Its first characters."""
        return "".join(self.view.strings)[:OPENING]


@dataclass(frozen=True)
class ExplainedTexts:
    """Two disjoint halves: prompts are made of one, revisions are judged on the other."""

    shown: tuple[ExplainedText, ...]
    kept_back: tuple[ExplainedText, ...]

    @property
    def all(self) -> tuple[ExplainedText, ...]:
        """Both."""
        return self.shown + self.kept_back

    @cached_property
    def hold_special(self) -> bool:
        """Whether special tokens are among theirs; if not, prompts don't speak of such."""
        return any(text.view.is_special.any() for text in self.all)

    def excerpt(self, number: int, texts: int) -> tuple[int, ...]:
        """Positions in ``shown`` of the texts whose weights per head's prompt lists; one from each corpus in turn."""
        corpora = sorted({text.corpus for text in self.shown})
        members = [[i for i, text in enumerate(self.shown) if text.corpus == corpus] for corpus in corpora]
        turns = [members[turn % len(members)] for turn in range(texts)]
        return tuple(
            dict.fromkeys(each[(number + turn // len(members)) % len(each)] for turn, each in enumerate(turns))
        )


def choose_texts(train: Sequence[TextAttention], texts: int) -> ExplainedTexts:
    """Takes training texts at even distances, every other one for prompts."""
    places = dict.fromkeys(np.linspace(0, len(train) - 1, min(texts, len(train))).round().astype(int).tolist())
    chosen = [ExplainedText(**vars(train[i].halved())) for i in places]
    return ExplainedTexts(tuple(chosen[::2]), tuple(chosen[1::2]))
