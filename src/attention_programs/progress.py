"""Progress and the time left: a bar in a terminal, a plain line every ten seconds in a log file."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from datetime import timedelta
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

Item = TypeVar("Item")
SAMPLE = 8
"""Number of items that the total time is estimated from; they should be typical."""


class ProgressBar:
    """Progress on standard error that the caller advances within a ``with`` block.

    Args:
        total: Number of items.
        description: What is being done.
        unit: What the items are, in the plural.
        clock: The time in seconds.
    """

    def __init__(self, total: int, description: str, unit: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._terminal = sys.stderr.isatty()
        self._now = clock
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}{task.fields[note]}", markup=False),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            auto_refresh=False,  # no thread, as processes are forked while a bar is shown
            disable=not (self._terminal and total),
            get_time=clock,
        )
        self._bar.add_task(description, total=total, unit=unit, note="")
        (self._task,) = self._bar.tasks
        self._shown_at, self._seconds_between = clock(), 0.2 if self._terminal else 10

    def advance(self, note: str = "") -> None:
        """One more item is done; ``note`` is shown at the end of the line."""
        self._bar.update(self._task.id, advance=1, note=f", {note}" if note else "")
        if self._now() >= self._shown_at + self._seconds_between:
            self._show()

    def _show(self) -> None:
        self._shown_at = self._now()
        if self._terminal:
            self._bar.refresh()
        elif total := self._task.total:
            done, elapsed, fields = self._task.completed, self._task.elapsed or 0.0, self._task.fields
            left = f", {_clock(elapsed / done * (total - done))} left" if done else ""
            state = f"{done:.0f} of {total:.0f} {fields['unit']}, {_clock(elapsed)} so far{left}{fields['note']}"
            print(f"{self._task.description}: {state}", file=sys.stderr, flush=True)

    def __enter__(self) -> "ProgressBar":
        self._bar.start()
        self._show()
        return self

    def __exit__(self, *_: object) -> None:
        self._show()
        self._bar.stop()


def progress(items: Iterable[Item], description: str, total: int | None = None, unit: str = "items") -> Iterator[Item]:
    """Iterates with a bar on standard error; items without a length need a total."""
    if total is None:
        total = len(items) if isinstance(items, Sized) else 0
    with ProgressBar(total, description, unit) as bar:
        for item in items:
            yield item
            bar.advance()


def estimated(items: Iterable[Item], description: str, total: int, unit: str) -> Iterator[Item]:
    """Iterates with a bar, and prints an estimate of the total time on standard error after the first few items."""
    first = 0.0
    for number, item in enumerate(progress(items, description, total, unit), start=1):
        if number == 1:
            first = time.monotonic()  # leaves out one-off start-up costs in the first item
        if number == SAMPLE < total:
            seconds = (time.monotonic() - first) / (SAMPLE - 1) * total
            print(f"{description}: {_about(seconds)} for all {total} {unit}, from the first {SAMPLE}", file=sys.stderr)
        yield item


def _clock(seconds: float) -> str:
    """A duration as on a clock.

    >>> _clock(75.4), _clock(4000)
    ('01:15', '1:06:40')
    """
    return str(timedelta(seconds=round(seconds))).removeprefix("0:")


def _about(seconds: float) -> str:
    """A duration in words.

    >>> _about(0.2), _about(80), _about(900)
    ('about 1 s', 'about 80 s', 'about 15 min')
    """
    return f"about {max(round(seconds), 1)} s" if seconds < 120 else f"about {round(seconds / 60)} min"
