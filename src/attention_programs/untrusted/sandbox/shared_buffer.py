"""The shared memory that returns results: numbers and short messages, never objects.

One slot per text: status, message and an (n, n) float32 matrix. Its file can be neither grown nor shrunk, so that the
writer can't pull it out from under the reader.
"""

import fcntl
import mmap
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from attention_programs.programs.run_result import Outcome, Reason, Rejected, check_weights
from attention_programs.programs.tokens import Array

MESSAGE_BYTES = 400
_HEADER = 64
_SLOT_HEADER = 8 + MESSAGE_BYTES
"""Status (4 bytes), length of the message (4 bytes), message."""
EMPTY, WEIGHTS, FIRST_REASON = 0, 1, 2
REASONS = list(Reason)


@dataclass(frozen=True)
class Layout:
    """Where each text's slot is."""

    tokens: tuple[int, ...]
    offsets: tuple[int, ...]
    size: int
    """Total bytes."""

    @classmethod
    def of(cls, tokens: Sequence[int]) -> "Layout":
        """The layout for texts of these lengths."""
        ends = _HEADER + np.cumsum([0] + [_SLOT_HEADER + 4 * n * n for n in tokens])
        return cls(tuple(tokens), tuple(ends[:-1].tolist()), int(ends[-1]))


def create_file(size: int) -> int:
    """Descriptor of an unnamed file of fixed size; in memory and sealed if the system supports it."""
    if not hasattr(os, "memfd_create"):
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
        os.ftruncate(descriptor, size)
        return descriptor
    descriptor = os.memfd_create("arena", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(descriptor, size)
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL)
    return descriptor


class SharedBuffer:
    """Results of one program on all texts.

    Args:
        descriptor: File from :func:`create_file`; the caller closes it.
        layout: Its layout.
    """

    def __init__(self, descriptor: int, layout: Layout) -> None:
        self.layout = layout
        self._map = mmap.mmap(descriptor, layout.size)
        self._bytes = np.frombuffer(self._map, dtype=np.uint8)

    @property
    def progress(self) -> int:
        """Texts begun so far, as reported by the program's process."""
        return int(self._bytes[:8].view(np.int64)[0])

    def begin(self, count: int) -> None:
        """Reports that the ``count``-th text begins."""
        self._bytes[:8].view(np.int64)[0] = count

    def clear(self) -> None:
        """Wipes everything, so that no program sees what the previous one left."""
        self._bytes[:] = 0

    def put_weights(self, index: int, weights: Array) -> None:
        """Stores a text's matrix."""
        self._entries(index)[...] = weights
        self._header(index)[0] = WEIGHTS

    def put_reason(self, index: int, rejected: Rejected) -> None:
        """Stores why a text has no matrix; long messages are truncated."""
        text = rejected.message.encode("utf-8", "replace")[:MESSAGE_BYTES]
        start = self.layout.offsets[index] + 8
        self._bytes[start : start + len(text)] = np.frombuffer(text, dtype=np.uint8)
        self._header(index)[1] = len(text)
        self._header(index)[0] = FIRST_REASON + REASONS.index(rejected.reason)

    def take(self, index: int, causal: bool) -> Outcome | None:
        """Reads a text's slot without trusting it: a private copy of the matrix is checked like any other.

        Returns:
            The outcome, or None if nothing was stored.
        """
        status, length = (int(number) for number in self._header(index))
        if status == EMPTY:
            return None
        if status == WEIGHTS:
            return check_weights(self._entries(index).copy(), causal)
        if not 0 <= status - FIRST_REASON < len(REASONS) or not 0 <= length <= MESSAGE_BYTES:
            return Rejected(Reason.EXCEPTION, "its process wrote over its results")
        start = self.layout.offsets[index] + 8
        text = self._bytes[start : start + length].tobytes().decode("utf-8", "replace")
        return Rejected(REASONS[status - FIRST_REASON], "".join(c if c.isprintable() else " " for c in text))

    def _header(self, index: int) -> "np.ndarray[tuple[int], np.dtype[np.int32]]":
        start = self.layout.offsets[index]
        return self._bytes[start : start + 8].view(np.int32)

    def _entries(self, index: int) -> Array:
        n = self.layout.tokens[index]
        start = self.layout.offsets[index] + _SLOT_HEADER
        return self._bytes[start : start + 4 * n * n].view(np.float32).reshape(n, n)

    def close(self) -> None:
        """Frees the memory."""
        del self._bytes
        self._map.close()
