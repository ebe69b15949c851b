"""The training texts that prompts are made from and candidates are ranked on, with the patterns of all heads."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from attention_programs.attention.pattern_store import TextAttention
from attention_programs.corpora.text import evenly_spaced
from attention_programs.programs.view import TokenView

OPENING = 60
"""Number of characters by which prompts identify a text."""


class ExplainedText(TextAttention):
    """A training text as programs see it, with its patterns."""

    @cached_property
    def view(self) -> TokenView:
        """The text's view, shared by all programs."""
        return TokenView.of(self)

    @property
    def opening(self) -> str:
        """Its first characters."""
        return "".join(self.view.strings)[:OPENING]


@dataclass(frozen=True)
class ExplainedTexts:
    """Two disjoint halves: prompts are made from one, revisions are evaluated on the other."""

    shown: tuple[ExplainedText, ...]
    kept_back: tuple[ExplainedText, ...]

    @property
    def all(self) -> tuple[ExplainedText, ...]:
        """Both halves."""
        return self.shown + self.kept_back

    @cached_property
    def hold_special(self) -> bool:
        """Whether any text has special tokens; if not, prompts do not mention them."""
        return any(text.view.is_special.any() for text in self.all)

    def excerpt(self, number: int, texts: int) -> tuple[int, ...]:
        """Indices in ``shown`` of the texts whose weights a head's prompt lists, taken from the corpora in turn."""
        corpora = sorted({text.corpus for text in self.shown})
        members = [[i for i, text in enumerate(self.shown) if text.corpus == corpus] for corpus in corpora]
        turns = [members[turn % len(members)] for turn in range(texts)]
        return tuple(
            dict.fromkeys(each[(number + turn // len(members)) % len(each)] for turn, each in enumerate(turns))
        )


def choose_texts(train: Sequence[TextAttention], texts: int) -> ExplainedTexts:
    """Chooses evenly spaced training texts, every other one for prompts; of long ones the complete beginning."""
    chosen = [ExplainedText(**vars(text.complete.halved())) for text in evenly_spaced(train, texts)]
    return ExplainedTexts(tuple(chosen[::2]), tuple(chosen[1::2]))
