"""What a program sees of a text."""

import difflib
from collections.abc import Callable
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from attention_programs.models.sequence import TokenSequence
from attention_programs.programs.tokens import Array, Rows, Tokens
from attention_programs.programs.vocabulary import PATTERNS, TOKEN_FEATURES

SPECIAL = "special"
"""Name of the token feature for special tokens."""


class _TokenFeatures:
    def __init__(self, view: "TokenView", axis: int) -> None:
        self._view = view
        self._axis = axis

    def __getattr__(self, name: str) -> Array:
        if name.startswith("__"):
            raise AttributeError(name)
        value = np.expand_dims(self._view.vector(name), 1 - self._axis)
        setattr(self, name, value)  # later lookups skip this method
        return value


class TokenView(Tokens):
    """A tokenised text as programs see it; derived arrays are computed once and shared by all programs.

    Attributes:
        ids: Token ids, length n.
        token_strings: Token strings with their leading spaces, length n.
        causal: Whether row i may only use tokens 0..i.
        special_ids: Ids of special tokens, which have the feature ``special`` and no other.
        key: Token features of the attended token: ``text.key.comma`` has shape (1, n).
        query: Token features of the attending token: ``text.query.comma`` has shape (n, 1).

    Every pattern of the vocabulary is an attribute: ``text.previous_token`` and ``text.offset(3)`` have shape (n, n).
    The arrays are read-only.

    >>> text = TokenView([5, 9, 5], [" a", " b", " a"])
    >>> text.same_token[2].tolist()
    [1.0, 0.0, 0.0]
    """

    _nbytes = 0

    @cached_property
    def _cache(self) -> dict[tuple[str, int | None], Array]:
        return {}

    @cached_property
    def _prefixes(self) -> "dict[int, TokenView]":
        return {}

    @cached_property
    def key(self) -> _TokenFeatures:
        """Token features of the attended token."""
        return _TokenFeatures(self, axis=1)

    @cached_property
    def query(self) -> _TokenFeatures:
        """Token features of the attending token."""
        return _TokenFeatures(self, axis=0)

    @classmethod
    def of(cls, text: "TokenSequence | TokenView") -> "TokenView":
        """A fresh view of a text."""
        return cls(text.ids, text.token_strings, text.causal, text.special_ids)

    def __getattr__(self, name: str) -> Array | Callable[[int], Array]:
        if name.startswith("_"):
            raise AttributeError(name)
        term = PATTERNS.get(name)
        if term is None:
            close = _closest(name, *PATTERNS.names, *TOKEN_FEATURES.names)
            where = f"text.key.{close} or text.query.{close}" if close in TOKEN_FEATURES else f"text.{close}"
            raise AttributeError(f"the vocabulary has no pattern {name!r}; did you mean {where}?")
        if term.parameters:
            return lambda parameter: self.matrix(name, parameter)
        value = self.matrix(name)
        setattr(self, name, value)  # later lookups skip this method
        return value

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays derived so far, including those of prefixes."""
        return self._nbytes + sum(prefix.nbytes for prefix in self._prefixes.values())

    def matrix(self, name: str, parameter: int | None = None) -> Array:
        """A pattern by name, shape (n, n)."""
        return self._cached(PATTERNS[name].name, parameter, lambda: self._computed(name, self._all_rows, parameter))

    def rows(self, name: str, rows: Rows, parameter: int | None = None) -> Array:
        """Some rows of a pattern by name, shape (rows, n), without computing the others."""
        if len(rows) == self.n or (PATTERNS[name].name, parameter) in self._cache:
            return self.matrix(name, parameter)[rows]
        return self._computed(name, rows, parameter)

    def _computed(self, name: str, rows: Rows, parameter: int | None) -> Array:
        compute = PATTERNS[name].compute
        found: Array = compute(self, rows) if parameter is None else compute(self, rows, parameter)
        return found

    @cached_property
    def _all_rows(self) -> Rows:
        return np.arange(self.n, dtype=np.int64)

    def vector(self, name: str) -> Array:
        """A token feature by name, shape (n,); special tokens only have their own.

        Raises:
            AttributeError: if the vocabulary has no such feature.
        """
        term = TOKEN_FEATURES.get(name)
        if term is None:
            close = _closest(name, *TOKEN_FEATURES.names)
            raise AttributeError(f"the vocabulary has no token class {name!r}; did you mean {close!r}?")
        kept = np.ones(self.n, bool) if name == SPECIAL else ~self.is_special
        return self._cached(term.name, None, lambda: term.compute(self) * kept)

    def _cached(self, name: str, parameter: int | None, compute: Callable[[], Array]) -> Array:
        found = self._cache.get((name, parameter))
        if found is None:
            found = np.ascontiguousarray(compute(), dtype=np.float32)
            found.flags.writeable = False
            self._cache[name, parameter] = found
            self._nbytes += found.nbytes
        return found

    def softmax(self, scores: ArrayLike) -> Array:
        """Row-wise softmax of scores over the tokens that the row may see.

        Args:
            scores: Any real numbers, broadcastable to (n, n).

        Returns:
            Weights of shape (n, n); each row sums to 1, zero above the diagonal for causal models.
        """
        rows = np.arange(self.n)
        full = np.empty((self.n, self.n), np.float32)
        np.fmin(np.asarray(scores, dtype=np.float32), self._cached("_ceiling", None, lambda: _ceiling(self)), out=full)
        full -= full[rows, full.argmax(axis=1)][:, None]  # three times as fast as max(axis=1)
        weights = np.exp(full, out=full)
        weights /= weights.sum(axis=1, keepdims=True)
        return weights

    def prefix(self, tokens: int) -> "TokenView":
        """The view of the first ``tokens`` tokens; cached, so that all programs share it."""
        if tokens not in self._prefixes:
            cut = slice(tokens)
            self._prefixes[tokens] = TokenView(self.ids[cut], self.token_strings[cut], self.causal, self.special_ids)
        return self._prefixes[tokens]


def _closest(name: str, *names: str) -> str:
    return difflib.get_close_matches(name, names, n=1, cutoff=0.0)[0]


def _ceiling(view: TokenView) -> Array:
    """Minus infinity where a row may not look, infinity elsewhere: its minimum with the scores masks them."""
    return np.where(np.tri(view.n, dtype=bool) | (not view.causal), np.inf, -np.inf)
