"""The layers of the sandbox, and how strong the active ones are together."""

import enum
from collections.abc import Collection


class Layer(enum.StrEnum):
    """One barrier between a program and the machine."""

    LIMITS = "resource limits"
    USER = "unprivileged user"
    NAMESPACES = "namespaces"
    LANDLOCK = "Landlock"
    SECCOMP = "seccomp"


class Level(enum.StrEnum):
    """How much the kernel enforces, strongest first."""

    STRONG = "strong"
    """System calls are filtered, with namespaces or Landlock behind the filter."""
    MEDIUM = "medium"
    """Only one of the kernel's layers."""
    WEAK = "weak"
    """A separate process without kernel layers: no protection from a hostile program."""


def level_of(layers: Collection[Layer]) -> Level:
    """The level of a set of active layers.

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
