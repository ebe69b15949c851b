"""The layers of the sandbox, and how strong what is left of them is."""

import enum
from collections.abc import Collection


class Layer(enum.StrEnum):
    """One thing that stands between a program and the machine."""

    LIMITS = "resource limits"
    USER = "unprivileged user"
    NAMESPACES = "namespaces"
    LANDLOCK = "Landlock"
    SECCOMP = "seccomp"


class Level(enum.StrEnum):
    """How much the kernel does, the most first."""

    STRONG = "strong"
    """System calls are filtered, and namespaces or Landlock stand behind the filter."""
    MEDIUM = "medium"
    """One of the kernel's layers alone."""
    WEAK = "weak"
    """A process of its own and nothing from the kernel: no boundary against a hostile program."""


def level_of(layers: Collection[Layer]) -> Level:
    """The level that a set of active layers amounts to.

    >>> level_of({Layer.LIMITS, Layer.SECCOMP, Layer.LANDLOCK}).value
    'strong'
    >>> level_of({Layer.LIMITS, Layer.SECCOMP}).value, level_of({Layer.LIMITS, Layer.USER}).value
    ('medium', 'weak')
    """
    if Layer.LIMITS not in layers:
        return Level.WEAK
    behind = Layer.NAMESPACES in layers or Layer.LANDLOCK in layers
    if Layer.SECCOMP in layers:
        return Level.STRONG if behind else Level.MEDIUM
    return Level.MEDIUM if Layer.LANDLOCK in layers else Level.WEAK
