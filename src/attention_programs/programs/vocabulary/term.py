"""What a term is, and the table of terms that each module of the vocabulary fills."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from attention_programs.programs.tokens import Array

PART = "\ufffd"
"""What shows in place of a part of a character; it may be of a letter or a sign."""


Compute = Callable[..., Array]
"""Function of a view (and of the parameter, if there are any)."""


@dataclass(frozen=True)
class Term:
    """One word of the vocabulary."""

    name: str
    category: str
    """Folder-like grouping for listings: position, class, relation, structure."""
    phrase: str
    """How a sentence names what it picks: ``the previous token``, ``commas``."""
    compute: Compute
    parameters: tuple[int, ...] = ()
    """Values that the search tries; empty for a term without a parameter."""
    looks_ahead: bool = False
    """Whether entries on or below the diagonal may depend on later tokens; such terms serve encoders only."""
    continuous: bool = False
    """Whether it grows with distance, position or rarity instead of picking tokens; a negative sign then reads
    ``near``, ``early``, ``common``."""
    former: str = ""
    """Its name in programs written before it was renamed; such programs go on working."""

    @property
    def summary(self) -> str:
        """First line of the term's documentation."""
        return (self.compute.__doc__ or "").strip().split("\n")[0]


class Terms(dict[str, Term]):
    """Terms by name, in the order in which the search considers them; former names find them, too.

    Args:
        category: Of the terms that are added.
        parts: Tables whose terms it holds, in their order.

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

    def add(self, phrase: str, **facts: Any) -> Callable[[Compute], Compute]:
        """Adds the function below as a term of its name.

        Args:
            phrase: How a sentence names what it picks.
            **facts: Fields of :class:`Term`.
        """

        def put(function: Compute) -> Compute:
            self._put(Term(function.__name__, self._category, phrase, function, **facts))
            return function

        return put

    def define(self, name: str, phrase: str, compute: Compute, summary: str, example: str, **facts: Any) -> None:
        """Adds a term whose function is made by another one, with its documentation."""
        compute.__name__, compute.__doc__ = name, f"{summary}\n\nExample: {example}"
        self.add(phrase, **facts)(compute)

    @property
    def names(self) -> list[str]:
        """The names of today, then those of before."""
        return [*self, *self._former]

    def __missing__(self, name: str) -> Term:
        return self[self._former[name]]

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or name in self._former

    def get(self, name: str, default: Any = None) -> Any:
        """The term of a name of today or of before."""
        return self[name] if name in self else default  # noqa: SIM401 - this is what get is
