"""Progress bars with an estimate of the time left."""

from collections.abc import Iterable
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")


def progress(items: Iterable[Item], description: str, total: int | None = None, unit: str = "") -> Iterable[Item]:
    """Iterates with a bar on standard error; in a log file a line every ten seconds is enough."""
    return tqdm(items, desc=description, total=total, unit=f" {unit}" if unit else "it", mininterval=1, maxinterval=10)
