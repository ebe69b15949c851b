"""A tokenised text, and what its tokens alone say of it: special ones, places, words."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from attention_programs.models.token_style import NO_SPECIAL, SpecialIds

Array = NDArray[np.float32]


class Tokens(ABC):
    """What the vocabulary's terms see of a text: its tokens, and other terms by name.

    Attributes:
        ids: Token ids, length n.
        token_strings: Token strings with their leading spaces, length n.
        causal: Whether row i may use tokens 0..i only.
        special_ids: Ids of special tokens.
    """

    def __init__(
        self,
        ids: Sequence[int],
        token_strings: Sequence[str],
        causal: bool = True,
        special_ids: SpecialIds = NO_SPECIAL,
    ) -> None:
        self.ids = tuple(ids)
        self.token_strings = tuple(token_strings)
        self.causal = causal
        self.special_ids = special_ids

    @abstractmethod
    def matrix(self, name: str, parameter: int | None = None) -> Array:
        """A pattern by name, shape (n, n)."""

    @abstractmethod
    def vector(self, name: str) -> Array:
        """A token feature by name, shape (n,)."""

    @property
    def pieces(self) -> tuple[str, ...]:
        """What programs written earlier call ``token_strings``."""
        return self.token_strings

    @property
    def n(self) -> int:
        """Number of tokens."""
        return len(self.ids)

    @cached_property
    def is_around(self) -> NDArray[np.bool_]:
        """Whether each token is a special one around the text, shape (n,)."""
        return np.isin(self.ids, self.special_ids.around)

    @cached_property
    def is_special(self) -> NDArray[np.bool_]:
        """Whether each token is special, around the text or in place of a token of the text, shape (n,)."""
        return self.is_around | np.isin(self.ids, self.special_ids.inside)

    @cached_property
    def text_start(self) -> int:
        """Position of the text's own first token: how many special tokens stand in front of it."""
        return int(np.logical_and.accumulate(self.is_around).sum())

    @cached_property
    def positions(self) -> NDArray[np.int64]:
        """Position of each token counted from the text's own first token, 0 in front of it, shape (n,)."""
        return np.maximum(np.arange(self.n) - self.text_start, 0)

    @cached_property
    def strings(self) -> tuple[str, ...]:
        """The token strings; those of special tokens are empty, as they stand for no characters of the text."""
        return tuple("" if hidden else shown for shown, hidden in zip(self.token_strings, self.is_special, strict=True))

    @cached_property
    def word_starts(self) -> NDArray[np.int64]:
        """For each token the position of the first piece of its word, shape (n,)."""
        touch = [before[-1:].isalnum() and string[:1].isalnum() for before, string in pairwise(["", *self.strings])]
        return np.maximum.accumulate(np.where(touch, 0, np.arange(self.n)))

    @cached_property
    def words_so_far(self) -> tuple[str, ...]:
        """For each token its word from the word's start up to the token, lower case and stripped."""
        pieces = (self.strings[start : position + 1] for position, start in enumerate(self.word_starts))
        return tuple("".join(word).strip().lower() for word in pieces)
