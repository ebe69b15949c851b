"""A tokenised text, and what follows from its tokens alone: special tokens, positions, words."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from attention_programs.models.token_style import NO_SPECIAL, SpecialIds

Array = NDArray[np.float32]


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
        return tuple(
            "" if special else token_string
            for token_string, special in zip(self.token_strings, self.is_special, strict=True)
        )

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """Character offset of each token in the concatenated strings, shape (n,)."""
        lengths = np.array([len(string) for string in self.strings], dtype=np.int64)
        return np.cumsum(lengths) - lengths

    @cached_property
    def word_starts(self) -> NDArray[np.int64]:
        """The index of the first token of each token's word, shape (n,)."""
        begins = np.ones(self.n, dtype=bool)
        for position in range(1, self.n):
            token_string, before = self.strings[position], self.strings[position - 1]
            begins[position] = not (token_string[:1].isalnum() and before[-1:].isalnum())
        return np.maximum.accumulate(np.where(begins, np.arange(self.n), 0))

    @cached_property
    def words_so_far(self) -> tuple[str, ...]:
        """For each token, its word from the word's start up to the token, lower-case and stripped."""
        return tuple(
            "".join(self.strings[start : position + 1]).strip().lower()
            for position, start in enumerate(self.word_starts)
        )
