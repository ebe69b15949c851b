"""Progress bars with an estimate of the time left."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import NoReturn, TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
SAMPLE = 8
"""Items by which the time for all is estimated; they should be typical of all."""


def progress_bar(total: int, description: str, unit: str) -> "tqdm[NoReturn]":
    """A bar on standard error that its owner moves on."""
    return tqdm(total=total, desc=description, unit=f" {unit}", mininterval=0.5, maxinterval=10)


def progress(items: Iterable[Item], description: str, total: int | None = None, unit: str = "") -> Iterable[Item]:
    """Iterates with a bar on standard error; in a log file a line every ten seconds is enough."""
    return tqdm(items, desc=description, total=total, unit=f" {unit}" if unit else "it", mininterval=1, maxinterval=10)


def estimated(items: Iterable[Item], description: str, total: int, unit: str) -> Iterator[Item]:
    """Iterates with a bar, and says on standard error how long all will take as soon as a few are done."""
    first = 0.0
    for number, item in enumerate(progress(items, description, total, unit), start=1):
        if number == 1:
            first = time.monotonic()  # what starts with the first item, starts once
        if number == SAMPLE < total:
            seconds = (time.monotonic() - first) / (SAMPLE - 1) * total
            tqdm.write(f"{description}: {_about(seconds)} for all {total} {unit}, by the first {SAMPLE}", sys.stderr)
        yield item


def _about(seconds: float) -> str:
    """A time in words.

    >>> _about(0.2), _about(80), _about(900)
    ('about 1 s', 'about 80 s', 'about 15 min')
    """
    return f"about {max(round(seconds), 1)} s" if seconds < 120 else f"about {round(seconds / 60)} min"
