"""Every head's attention pattern on many texts, in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from attention_programs.attention.pattern_store import SCHEMA_VERSION, AttentionIndex, TextAttention
from attention_programs.corpora.text import Split
from attention_programs.errors import UserError
from attention_programs.models.head import Head
from attention_programs.models.token_style import TokenStyle
from attention_programs.programs.view import TokenView


@dataclass(frozen=True)
class Patterns:
    """What :meth:`Model.attention` returns: texts, their splits, and the patterns of some heads on each."""

    model: str
    """The model's name."""
    causal: bool
    """Whether tokens attend only to earlier ones and themselves."""
    heads: tuple[Head, ...]
    """The heads, in the order of the patterns."""
    mapped: tuple[TextAttention, ...]
    """The texts with their packed patterns."""
    token_style: TokenStyle
    """How the model's tokenizer writes tokens."""
    max_tokens: int
    """Length that texts were truncated to."""

    @property
    def train(self) -> "Patterns":
        """The texts to fit on."""
        return self.of_split("train")

    @property
    def validation(self) -> "Patterns":
        """The texts to choose on."""
        return self.of_split("validation")

    @property
    def test(self) -> "Patterns":
        """The texts to report on."""
        return self.of_split("test")

    def of_split(self, split: Split) -> "Patterns":
        """The texts of one split."""
        return replace(self, mapped=tuple(text for text in self.mapped if text.split == split))

    @property
    def complete(self) -> "Patterns":
        """The beginnings of the texts of which all rows are kept; of short texts, all of them."""
        return replace(self, mapped=tuple(text.complete for text in self.mapped))

    def of_heads(self, heads: Sequence[str | Head]) -> "Patterns":
        """The same texts with the patterns of some heads.

        Raises:
            UserError: if one is not among them.
        """
        numbers = [self.number(head) for head in heads]
        chosen = tuple(self.heads[number] for number in numbers)
        return replace(self, heads=chosen, mapped=tuple(text.of_heads(numbers) for text in self.mapped))

    def number(self, head: str | Head) -> int:
        """Index of a head among the patterns.

        Raises:
            UserError: if it is not among them.
        """
        found = Head.parse(head) if isinstance(head, str) else head
        if found not in self.heads:
            raise UserError(f"head {found} is not among the {len(self.heads)} of these patterns, e.g. {self.heads[0]}")
        return self.heads.index(found)

    def pattern(self, head: str | Head, text: int = 0) -> NDArray[np.float32]:
        """One head's pattern on one text, shape (rows, n), rows summing to 1; all n rows unless the text is long.

        Args:
            head: The head.
            text: Index of the text.
        """
        return self.mapped[text].pattern(self.number(head))

    def view(self, text: int) -> TokenView:
        """What a program sees of one text."""
        return TokenView.of(self.mapped[text])

    @property
    def index(self) -> AttentionIndex:
        """The index that stored patterns would have."""
        names = [str(head) for head in self.heads]
        return AttentionIndex(SCHEMA_VERSION, self.model, "", self.causal, self.max_tokens, names, [], self.token_style)

    def __len__(self) -> int:
        return len(self.mapped)

    def __repr__(self) -> str:
        counts = {split: len(self.of_split(split)) for split in ("train", "validation", "test")}
        shown = ", ".join(f"{count} {split}" for split, count in counts.items() if count)
        return f"<Patterns of {len(self.heads)} heads of {self.model} on {shown or 'no'} texts>"
