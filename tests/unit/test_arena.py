"""The shared memory of results: nothing in it is believed, and its size can't be changed."""

import os
from collections.abc import Iterator

import numpy as np
import pytest

from attention_programs.programs.outcome import Reason, Rejected, Scored
from attention_programs.untrusted.sandbox.arena import FIRST_REASON, MESSAGE_BYTES, REASONS, Arena, Layout, create_file


@pytest.fixture
def arena() -> Iterator[Arena]:
    layout = Layout.of([2, 3, 1])
    descriptor = create_file(layout.size)
    made = Arena(descriptor, layout)
    yield made
    made.close()
    os.close(descriptor)


def test_weights_come_back_normalised_and_apart_from_the_memory(arena: Arena) -> None:
    arena.put_weights(1, np.full((3, 3), 2.0, np.float32))
    found = arena.take(1, causal=True)
    assert isinstance(found, Scored)
    np.testing.assert_allclose(found.weights, np.tri(3) / [[1], [2], [3]], atol=1e-7)
    arena.put_weights(1, np.zeros((3, 3), np.float32))
    assert found.weights[2, 2] > 0
    assert arena.take(0, causal=True) is None


@pytest.mark.parametrize("reason", REASONS, ids=str)
def test_every_reason_comes_back(arena: Arena, reason: Reason) -> None:
    arena.put_reason(2, Rejected(reason, "why"))
    assert arena.take(2, causal=True) == Rejected(reason, "why")


def test_long_and_broken_messages_are_cut_and_cleaned(arena: Arena) -> None:
    arena.put_reason(0, Rejected(Reason.EXCEPTION, "é" * 999))
    found = arena.take(0, causal=True)
    assert isinstance(found, Rejected)
    assert found.message == "é" * (MESSAGE_BYTES // 2)
    arena.put_reason(0, Rejected(Reason.EXCEPTION, "a\x1b[2Jb\nc\udc80"))
    assert arena.take(0, causal=True) == Rejected(Reason.EXCEPTION, "a [2Jb c?")


@pytest.mark.parametrize(("status", "length"), [(-1, 0), (99, 0), (FIRST_REASON, -5), (FIRST_REASON, 10**6)])
def test_an_invented_status_is_no_score(arena: Arena, status: int, length: int) -> None:
    arena._header(0)[:] = status, length
    assert arena.take(0, causal=True) == Rejected(Reason.EXCEPTION, "its process wrote over its results")


@pytest.mark.parametrize(
    ("value", "reason"), [(np.nan, Reason.NOT_FINITE), (np.inf, Reason.NOT_FINITE), (-1.0, Reason.NEGATIVE)]
)
def test_values_are_checked_whatever_the_process_said(arena: Arena, value: float, reason: Reason) -> None:
    arena.put_weights(0, np.array([[1, 0], [value, 1]], np.float32))
    found = arena.take(0, causal=True)
    assert isinstance(found, Rejected)
    assert found.reason is reason


def test_clearing_leaves_nothing(arena: Arena) -> None:
    arena.put_weights(0, np.ones((2, 2), np.float32))
    arena.begin(7)
    arena.clear()
    assert arena.progress == 0
    assert arena.take(0, causal=True) is None
    assert not arena._bytes.any()


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="no sealed memory here")
def test_the_file_can_neither_shrink_nor_grow() -> None:
    descriptor = create_file(4096)
    for size in (0, 8192):
        with pytest.raises(PermissionError):
            os.ftruncate(descriptor, size)
    os.close(descriptor)


def test_without_sealed_memory_an_unnamed_file_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "memfd_create", raising=False)
    layout = Layout.of([2])
    descriptor = create_file(layout.size)
    made = Arena(descriptor, layout)
    made.put_weights(0, np.eye(2, dtype=np.float32))
    assert isinstance(made.take(0, causal=True), Scored)
    made.close()
    os.close(descriptor)
