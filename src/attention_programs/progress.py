"""Progress bars with an estimate of the time left: a bar in a terminal, a plain line every ten seconds in a log file.

Drawn by tqdm: rich draws bars only in a terminal, so the log lines would need code of our own.
"""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any, NoReturn, TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
SAMPLE = 8
"""Number of items that the total time is estimated from; they should be typical."""


def _options(unit: str) -> dict[str, Any]:
    options: dict[str, Any] = {"unit": f" {unit}" if unit else "it", "mininterval": 0.5, "maxinterval": 10}
    if not sys.stderr.isatty():
        line = "{desc}: {n_fmt} of {total_fmt}{unit}, {elapsed} so far, {remaining} left{postfix}\n"
        options |= {"mininterval": 10, "bar_format": line}
    return options


def progress_bar(total: int, description: str, unit: str) -> "tqdm[NoReturn]":
    """A bar on standard error that the caller advances."""
    return tqdm(total=total, desc=description, **_options(unit))


def progress(items: Iterable[Item], description: str, total: int | None = None, unit: str = "") -> Iterable[Item]:
    """Iterates with a bar on standard error."""
    return tqdm(items, desc=description, total=total, **_options(unit))


def estimated(items: Iterable[Item], description: str, total: int, unit: str) -> Iterator[Item]:
    """Iterates with a bar, and prints an estimate of the total time on standard error after the first few items."""
    first = 0.0
    for number, item in enumerate(progress(items, description, total, unit), start=1):
        if number == 1:
            first = time.monotonic()  # leaves out one-off start-up costs in the first item
        if number == SAMPLE < total:
            seconds = (time.monotonic() - first) / (SAMPLE - 1) * total
            tqdm.write(f"{description}: {_about(seconds)} for all {total} {unit}, from the first {SAMPLE}", sys.stderr)
        yield item


def _about(seconds: float) -> str:
    """A duration in words.

    >>> _about(0.2), _about(80), _about(900)
    ('about 1 s', 'about 80 s', 'about 15 min')
    """
    return f"about {max(round(seconds), 1)} s" if seconds < 120 else f"about {round(seconds / 60)} min"
