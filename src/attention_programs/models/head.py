"""Names of attention heads."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from attention_programs.errors import UserError

_NAME = re.compile(r"L(\d+)H(\d+)")


@dataclass(frozen=True, order=True)
class Head:
    """An attention head, written ``L5H1``: layer 5, head 1, both counted from 0.

    >>> Head.parse("L5H1")
    Head(layer=5, index=1)
    >>> str(Head(5, 1))
    'L5H1'
    """

    layer: int
    index: int

    @classmethod
    def parse(cls, name: str) -> "Head":
        """Parses a head's name.

        Raises:
            UserError: if the name is not of the form ``L5H1``.
        """
        match = _NAME.fullmatch(name.strip())
        if match is None:
            raise UserError(f"{name!r} is not the name of a head; write layer and head like L5H1")
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"L{self.layer}H{self.index}"


def all_heads(layers: int, heads_per_layer: int) -> list[Head]:
    """Every head of a model, by layer and then by index."""
    return [Head(layer, index) for layer in range(layers) for index in range(heads_per_layer)]


def choose_heads(wanted: str | Iterable[str], layers: int, heads_per_layer: int) -> list[Head]:
    """The heads of a model that the params select; see :func:`pick_heads`.

    Raises:
        UserError: if a name is malformed or the model has no such head.

    >>> [str(head) for head in choose_heads("every 3", layers=2, heads_per_layer=3)]
    ['L0H0', 'L1H0']
    """
    missing = f"does not exist: the model has layers L0 to L{layers - 1} with heads H0 to H{heads_per_layer - 1}"
    return pick_heads(wanted, all_heads(layers, heads_per_layer), missing)


def pick_heads(wanted: str | Iterable[str], heads: Sequence[Head], missing: str) -> list[Head]:
    """Picks heads, keeping their order.

    Args:
        wanted: ``all``, ``every K`` (every K-th), or names.
        heads: The heads to pick from.
        missing: What the error message says of a head that is not among them.

    Raises:
        UserError: if a name is malformed or its head is not among them.
    """
    if wanted == "all":
        return list(heads)
    if isinstance(wanted, str):
        words = wanted.split()
        if len(words) == 2 and words[0] == "every" and words[1].isdecimal() and int(words[1]) > 0:
            return list(heads[:: int(words[1])])
        wanted = [wanted]
    named = [Head.parse(name) for name in wanted]
    for head in named:
        if head not in heads:
            raise UserError(f"head {head} {missing}")
    return [head for head in heads if head in named]
