"""Threads that work side by side on what is read bit by bit, within a bound on memory."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Workers:
    """How the work is divided."""

    count: int
    """Threads."""
    memory_mib: float
    """Bound on what all items in work take together; one is always in work, however large."""
    device: str
    """Where the kernel computes."""

    @property
    def share(self) -> int:
        """Bytes that one thread's item may take."""
        return int(self.memory_mib * 2**20) // self.count


def map_within_bound(
    work: Callable[[Item], Result], items: Iterable[Item], nbytes: Callable[[Item], int], workers: Workers
) -> Iterator[Result]:
    """Yields ``work(item)`` of each item, in order.

    An item is read when there is room for one as large as the largest so far and fewer than two a thread are in work;
    it takes its room until its result was taken.

    Args:
        work: Done on a thread.
        items: Read one at a time.
        nbytes: Memory that an item takes while it is worked on, its result included.
        workers: Threads and bound.
    """
    running: deque[tuple[Future[Result], int]] = deque()  # each item in work with its bytes
    bound = workers.share * workers.count
    largest = 0

    def results_until_room_for(need: int) -> Iterator[Result]:
        while running and (len(running) >= 2 * workers.count or sum(size for _, size in running) + need > bound):
            yield running[0][0].result()
            running.popleft()

    with ThreadPoolExecutor(workers.count) as pool:
        for item in items:
            largest = max(largest, nbytes(item))
            yield from results_until_room_for(nbytes(item))
            running.append((pool.submit(work, item), nbytes(item)))
            yield from results_until_room_for(largest)
        while running:
            yield running.popleft()[0].result()
