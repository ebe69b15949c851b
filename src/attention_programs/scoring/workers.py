"""Threads that process a stream of items in parallel within a bound on memory."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Workers:
    """How the work is divided among threads."""

    count: int
    """Number of threads."""
    memory_mib: float
    """Bound on the memory of all items in progress; one is always in progress, however large."""
    device: str
    """The device that scores are computed on."""

    @property
    def share(self) -> int:
        """Bytes that one thread's item may take."""
        return int(self.memory_mib * 2**20) // self.count


def map_within_bound(
    work: Callable[[Item], Result], items: Iterable[Item], nbytes: Callable[[Item], int], workers: Workers
) -> Iterator[Result]:
    """Yields ``work(item)`` for each item, in order.

    An item is read when there is room for one as large as the largest so far and fewer than two per thread are in
    progress; its memory counts until its result is consumed.

    Args:
        work: Runs on a thread.
        items: Read one at a time.
        nbytes: Memory that an item takes, including its result.
        workers: Number of threads and memory bound.
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
