"""Work side by side: in order, read bit by bit, within the bound, and what a failure leaves."""

import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attention_programs.scoring.workers import Workers, map_within_bound

MIB = 2**20


class Watched:
    """Items of known size, and how many bytes of them were in work at most."""

    def __init__(self, sizes: list[int]) -> None:
        self.sizes = sizes
        self.read = self.taken = 0
        self.peak_bytes = self.peak_items = 0

    def __iter__(self) -> Iterator[int]:
        for item, size in enumerate(self.sizes):
            self.read += 1
            in_work = self.sizes[self.taken : item + 1]
            self.peak_items = max(self.peak_items, len(in_work))
            self.peak_bytes = max(self.peak_bytes, sum(in_work))
            yield item
            assert size == self.sizes[item]

    def results(self, workers: Workers) -> list[int]:
        found = []
        for result in map_within_bound(lambda item: item * item, self, lambda item: self.sizes[item], workers):
            found.append(result)
            self.taken += 1
        return found


@given(
    st.lists(st.integers(1, 40), max_size=12).map(lambda sizes: [size * MIB for size in sizes]),
    st.integers(1, 3),
    st.integers(1, 100),
)
@settings(deadline=None, max_examples=60)
def test_results_come_in_order_and_what_is_in_work_stays_within_the_bound(
    sizes: list[int], count: int, memory_mib: int
) -> None:
    watched = Watched(sizes)
    assert watched.results(Workers(count, memory_mib, "cpu")) == [item * item for item in range(len(sizes))]
    # Room is made for an item as large as the largest so far, so only a larger one can be too large when it is read.
    if sizes == sorted(sizes, reverse=True):
        assert watched.peak_bytes <= max([memory_mib * MIB, *sizes[:1]])
    assert watched.peak_items <= 2 * count


def test_a_tighter_bound_keeps_fewer_items_in_work() -> None:
    peaks = []
    for memory_mib in (1, 10, 25, 1000):
        watched = Watched([10 * MIB] * 20)
        watched.results(Workers(2, memory_mib, "cpu"))
        peaks.append(watched.peak_items)
    assert peaks == [1, 1, 2, 4]


def test_items_are_worked_on_side_by_side() -> None:
    meeting = threading.Barrier(3, timeout=10)
    assert len(list(map_within_bound(lambda _: meeting.wait(), range(6), lambda _: 1, Workers(3, 1, "cpu")))) == 6


def test_a_failure_reaches_the_caller_and_ends_the_work() -> None:
    watched = Watched([1] * 50)

    def work(item: int) -> int:
        time.sleep(0.001)
        return 1 // (3 - item)

    with pytest.raises(ZeroDivisionError):
        list(map_within_bound(work, watched, lambda _: 1, Workers(2, 1, "cpu")))
    assert watched.read < 10
