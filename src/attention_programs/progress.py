"""Progress bars with an estimate of the time left."""

from collections.abc import Iterable
from typing import NoReturn, TypeVar

from tqdm import tqdm

Item = TypeVar("Item")


def progress_bar(total: int, description: str, unit: str) -> "tqdm[NoReturn]":
    """A bar on standard error that its owner moves on."""
    return tqdm(total=total, desc=description, unit=f" {unit}", mininterval=0.5, maxinterval=10)


def progress(items: Iterable[Item], description: str, total: int | None = None, unit: str = "") -> Iterable[Item]:
    """Iterates with a bar on standard error; in a log file a line every ten seconds is enough."""
    return tqdm(items, desc=description, total=total, unit=f" {unit}" if unit else "it", mininterval=1, maxinterval=10)
