"""Vocabulary terms, and the table of terms that each module of the vocabulary fills."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from attention_programs.programs.tokens import Array

PART = "\ufffd"
"""The replacement character, shown for part of a character; it may be part of a letter or of a symbol."""


Compute = Callable[..., Array]
"""A token feature is a function of a view, shape (n,); a pattern of a view, some rows (and the parameter, if it has
one), shape (rows, n)."""


@dataclass(frozen=True)
class Term:
    """A term of the vocabulary."""

    name: str
    category: str
    """Group in listings: position, class, relation, structure."""
    phrase: str
    """Name in sentences of what it picks: ``the previous token``, ``commas``."""
    example: str
    """Tokens, and what the term picks among them: ``a b c -> row 2 picks 1.``"""
    compute: Compute
    parameters: tuple[int, ...] = ()
    """Values that the search tries; empty for a term without a parameter."""
    looks_ahead: bool = False
    """Whether entries on or below the diagonal may depend on later tokens; such terms are for encoders only."""
    continuous: bool = False
    """Whether it grows with distance, position or rarity instead of picking tokens; a negative coefficient then means
    ``near``, ``early`` or ``common``."""
    former: str = ""
    """Its name before it was renamed; programs that use it still work."""

    recorded: bool = True
    """Whether it is part of version 1, whose prompts are recorded; prompts name no other term."""
    recorded_parameters: tuple[int, ...] = ()
    """The values that prompts name, if there are others by now."""

    @property
    def summary(self) -> str:
        """First line of the term's documentation."""
        return (self.compute.__doc__ or "").strip().split("\n")[0]


class Terms(dict[str, Term]):
    """Terms by name, in the order in which the search considers them; former names work, too.

    Args:
        category: Category of the terms that are added.
        parts: Tables whose terms are included, in order.

    >>> from attention_programs.programs.vocabulary import TOKEN_FEATURES
    >>> TOKEN_FEATURES["blank"].name, "blank" in TOKEN_FEATURES, "blank" in list(TOKEN_FEATURES)
    ('whitespace', True, False)
    """

    def __init__(self, category: str, *parts: "Terms") -> None:
        super().__init__()
        self._category = category
        self._former: dict[str, str] = {}
        for term in (term for part in parts for term in part.values()):
            self._put(term)

    def _put(self, term: Term) -> None:
        self[term.name] = term
        if term.former:
            self._former[term.former] = term.name

    def add(self, phrase: str, example: str, **facts: Any) -> Callable[[Compute], Compute]:
        """A decorator that adds a function as a term of the same name.

        Args:
            phrase: Name in sentences of what it picks.
            example: Tokens, and what the term picks among them.
            **facts: Other fields of :class:`Term`.
        """

        def put(function: Compute) -> Compute:
            self._put(Term(function.__name__, self._category, phrase, example, function, **facts))
            return function

        return put

    def define(self, name: str, phrase: str, compute: Compute, summary: str, example: str, **facts: Any) -> None:
        """Adds a term whose function is generated, with its documentation."""
        compute.__name__, compute.__doc__ = name, summary
        self.add(phrase, example, **facts)(compute)

    @property
    def names(self) -> list[str]:
        """The current names, then the former ones."""
        return [*self, *self._former]

    def __missing__(self, name: str) -> Term:
        return self[self._former[name]]

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or name in self._former

    def get(self, name: str, default: Any = None) -> Any:
        """The term with a current or former name."""
        return self[name] if name in self else default  # noqa: SIM401 - this is what get is
