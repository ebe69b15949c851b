"""How long a program may take over a text."""

import time
from dataclasses import dataclass

WALL_FACTOR = 10
"""How much longer than their CPU time texts may take by the clock, on a busy machine."""


@dataclass(frozen=True)
class Begun:
    """When the child began its present text."""

    progress: int
    """Number of the text, as the child counts."""
    cpu: float
    """CPU time of the child then, seconds."""
    clock: float
    """Time of day, seconds."""

    def moved_to(self, progress: int, child: int) -> "Begun":
        """The same, or the beginning of the next text if the child has come to it."""
        return self if progress == self.progress else Begun(progress, cpu_seconds(child), time.monotonic())

    def is_late(self, child: int, seconds: float) -> bool:
        """Whether its present text has taken longer than ``seconds`` of the CPU, or far longer by the clock."""
        waited = time.monotonic() - self.clock
        return cpu_seconds(child) - self.cpu > seconds or waited > WALL_FACTOR * seconds


def cpu_seconds(child: int) -> float:
    """CPU time of another process, where the system has a clock for it; else the time of day stands in."""
    try:
        return time.clock_gettime((~child << 3) | 2)
    except (OSError, OverflowError):
        return time.monotonic()
