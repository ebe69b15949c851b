"""The shared memory of results: nothing in it is believed, and its size can't be changed."""

import os
from collections.abc import Iterator

import numpy as np
import pytest

from attention_programs.programs.run_result import Reason, Rejected, Scored
from attention_programs.untrusted.sandbox.shared_buffer import (
    FIRST_REASON,
    MESSAGE_BYTES,
    REASONS,
    Layout,
    SharedBuffer,
    create_file,
)


@pytest.fixture
def buffer() -> Iterator[SharedBuffer]:
    layout = Layout.of([2, 3, 1])
    descriptor = create_file(layout.size)
    made = SharedBuffer(descriptor, layout)
    yield made
    made.close()
    os.close(descriptor)


def test_weights_come_back_normalised_and_apart_from_the_memory(buffer: SharedBuffer) -> None:
    buffer.put_weights(1, np.full((3, 3), 2.0, np.float32))
    found = buffer.take(1, causal=True)
    assert isinstance(found, Scored)
    np.testing.assert_allclose(found.weights, np.tri(3) / [[1], [2], [3]], atol=1e-7)
    buffer.put_weights(1, np.zeros((3, 3), np.float32))
    assert found.weights[2, 2] > 0
    assert buffer.take(0, causal=True) is None


@pytest.mark.parametrize("reason", REASONS, ids=str)
def test_every_reason_comes_back(buffer: SharedBuffer, reason: Reason) -> None:
    buffer.put_reason(2, Rejected(reason, "why"))
    assert buffer.take(2, causal=True) == Rejected(reason, "why")


def test_long_and_broken_messages_are_cut_and_cleaned(buffer: SharedBuffer) -> None:
    buffer.put_reason(0, Rejected(Reason.EXCEPTION, "é" * 999))
    found = buffer.take(0, causal=True)
    assert isinstance(found, Rejected)
    assert found.message == "é" * (MESSAGE_BYTES // 2)
    buffer.put_reason(0, Rejected(Reason.EXCEPTION, "a\x1b[2Jb\nc\udc80"))
    assert buffer.take(0, causal=True) == Rejected(Reason.EXCEPTION, "a [2Jb c?")


@pytest.mark.parametrize(("status", "length"), [(-1, 0), (99, 0), (FIRST_REASON, -5), (FIRST_REASON, 10**6)])
def test_an_invented_status_is_no_score(buffer: SharedBuffer, status: int, length: int) -> None:
    buffer._header(0)[:] = status, length
    assert buffer.take(0, causal=True) == Rejected(Reason.EXCEPTION, "its process wrote over its results")


@pytest.mark.parametrize(
    ("value", "reason"), [(np.nan, Reason.NOT_FINITE), (np.inf, Reason.NOT_FINITE), (-1.0, Reason.NEGATIVE)]
)
def test_values_are_checked_whatever_the_process_said(buffer: SharedBuffer, value: float, reason: Reason) -> None:
    buffer.put_weights(0, np.array([[1, 0], [value, 1]], np.float32))
    found = buffer.take(0, causal=True)
    assert isinstance(found, Rejected)
    assert found.reason is reason


def test_clearing_leaves_nothing(buffer: SharedBuffer) -> None:
    buffer.put_weights(0, np.ones((2, 2), np.float32))
    buffer.begin(7)
    buffer.clear()
    assert buffer.progress == 0
    assert buffer.take(0, causal=True) is None
    assert not buffer._bytes.any()


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
    made = SharedBuffer(descriptor, layout)
    made.put_weights(0, np.eye(2, dtype=np.float32))
    assert isinstance(made.take(0, causal=True), Scored)
    made.close()
    os.close(descriptor)
