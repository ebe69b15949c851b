"""A tokenised text, and what follows from its tokens alone: special tokens, positions, words."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from attention_programs.models.token_style import NO_SPECIAL, SpecialIds

Array = NDArray[np.float32]
Rows = NDArray[np.int64]
"""Indices of rows of a pattern."""


class Tokens(ABC):
    """What vocabulary terms see of a text: its tokens, and other terms by name.

    Attributes:
        ids: Token ids, length n.
        token_strings: Token strings with their leading spaces, length n.
        causal: Whether row i may only use tokens 0..i.
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
    def rows(self, name: str, rows: Rows, parameter: int | None = None) -> Array:
        """Some rows of a pattern by name, shape (rows, n)."""

    @abstractmethod
    def vector(self, name: str) -> Array:
        """A token feature by name, shape (n,)."""

    @property
    def pieces(self) -> tuple[str, ...]:
        """The former name of ``token_strings``, which older programs use."""
        return self.token_strings

    @property
    def n(self) -> int:
        """Number of tokens."""
        return len(self.ids)

    @cached_property
    def is_around(self) -> NDArray[np.bool_]:
        """Whether each token is a special token around the text, shape (n,)."""
        return np.isin(self.ids, self.special_ids.around)

    @cached_property
    def is_special(self) -> NDArray[np.bool_]:
        """Whether each token is special, around the text or in place of one of its tokens, shape (n,)."""
        return self.is_around | np.isin(self.ids, self.special_ids.inside)

    @cached_property
    def text_start(self) -> int:
        """Index of the text's own first token: the number of special tokens before it."""
        return int(np.logical_and.accumulate(self.is_around).sum())

    @cached_property
    def positions(self) -> NDArray[np.int64]:
        """Position of each token, counted from the text's own first token and 0 before it, shape (n,)."""
        return np.maximum(np.arange(self.n) - self.text_start, 0)

    @cached_property
    def strings(self) -> tuple[str, ...]:
        """The token strings, with empty ones for special tokens, which represent no characters of the text."""
        return tuple("" if hidden else shown for shown, hidden in zip(self.token_strings, self.is_special, strict=True))

    @cached_property
    def word_starts(self) -> NDArray[np.int64]:
        """The index of the first token of each token's word, shape (n,)."""
        touch = [before[-1:].isalnum() and string[:1].isalnum() for before, string in pairwise(["", *self.strings])]
        return np.maximum.accumulate(np.where(touch, 0, np.arange(self.n)))

    @cached_property
    def words_so_far(self) -> tuple[str, ...]:
        """For each token, its word from the word's start up to the token, lower-case and stripped."""
        pieces = (self.strings[start : position + 1] for position, start in enumerate(self.word_starts))
        return tuple("".join(word).strip().lower() for word in pieces)
