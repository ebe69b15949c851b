"""Outcomes of untrusted programs on disk, one file per program, so that a killed run loses no finished one."""

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from attention_programs.attention.packing import Packing
from attention_programs.checkpoint import Checkpoint
from attention_programs.files import sha256_file, sha256_text
from attention_programs.programs.run_result import Outcome, Reason, Rejected, Scored
from attention_programs.untrusted.sandbox.pool import Ran

TEXTS_AT_ONCE = 8
"""Texts in one block of a file; a block is read at once."""
KEPT_BYTES = 2**28
"""Bound on the blocks of all programs in memory."""
IN_USE = 2
"""Blocks of texts that threads are at, side by side; older ones make room."""
_SCHEMA = pa.schema(
    [("reason", pa.string()), ("message", pa.string()), ("tokens", pa.int32()), ("cells", pa.list_(pa.float32()))]
)
_FAST = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)
_SCORED = ""
_NO_PATTERN = np.zeros((0, 0), np.float32)


@functools.cache
def code_fingerprint() -> str:
    """Hash of all code that can change a program's outcome."""
    folder = Path(__file__).parents[1]
    return sha256_text("".join(map(sha256_file, sorted(folder.rglob("*.py")))))


class ResultStore:
    """A folder of finished outcomes on a fixed list of texts.

    Args:
        folder: Where to keep them; created if missing, deleted by :meth:`remove`.
        texts: What the outcomes depend on besides the program, as plain values; a different list uses other files.
        causal: Whether patterns are stored as triangles.
    """

    def __init__(self, folder: Path, texts: Sequence[object], causal: bool) -> None:
        self._checkpoint = Checkpoint(folder, json.dumps([code_fingerprint(), causal, list(texts)]))
        self._causal = causal

    def has(self, program_id: str) -> bool:
        """Whether a program is finished."""
        return self._checkpoint.has(_part(program_id))

    def put(self, program_id: str, ran: Ran) -> None:
        """Stores a program's outcomes, all or none."""
        with (
            self._checkpoint.writing(_part(program_id)) as unfinished,
            pa.ipc.new_file(str(unfinished), _SCHEMA, options=_FAST) as writer,
        ):
            for start in range(0, len(ran.outcomes), TEXTS_AT_ONCE):
                writer.write_batch(self._batch(ran.outcomes[start : start + TEXTS_AT_ONCE]))

    def _batch(self, outcomes: Sequence[Outcome]) -> pa.RecordBatch:
        failures = [outcome if isinstance(outcome, Rejected) else None for outcome in outcomes]
        patterns = [outcome.weights if isinstance(outcome, Scored) else _NO_PATTERN for outcome in outcomes]
        entries = [Packing(len(weights), self._causal).pack(weights) for weights in patterns]
        ends = np.cumsum([0, *(len(packed) for packed in entries)], dtype=np.int32)
        columns = [
            [failure.reason if failure else _SCORED for failure in failures],
            [failure.message if failure else "" for failure in failures],
            [len(weights) for weights in patterns],
        ]
        arrays = [pa.array(column, field.type) for column, field in zip(columns, _SCHEMA, strict=False)]
        return pa.record_batch([*arrays, pa.ListArray.from_arrays(ends, np.concatenate(entries))], schema=_SCHEMA)

    def block(self, program_id: str, number: int) -> "Block":
        """A program's outcomes on one block of ``TEXTS_AT_ONCE`` texts."""
        with pa.memory_map(str(self._checkpoint.file(_part(program_id)))) as source:
            batch = pa.ipc.open_file(source).get_batch(number)
        cells = batch["cells"]
        return Block(
            reasons=batch["reason"].to_pylist(),
            messages=batch["message"].to_pylist(),
            tokens=batch["tokens"].to_pylist(),
            entries=np.split(cells.values.to_numpy(), cells.offsets.to_numpy()[1:-1]),
            causal=self._causal,
        )

    def remove(self) -> None:
        """Deletes everything, including leftovers from other lists of texts."""
        self._checkpoint.remove()


@dataclass(frozen=True)
class Block:
    """A program's outcomes on a few texts, patterns packed."""

    reasons: list[str]
    messages: list[str]
    tokens: list[int]
    entries: list[NDArray[np.float32]]
    causal: bool

    @property
    def nbytes(self) -> int:
        """Bytes of the patterns."""
        return sum(packed.nbytes for packed in self.entries)

    def outcome(self, index: int) -> Outcome:
        """The outcome on one of the texts."""
        if self.reasons[index] != _SCORED:
            return Rejected(Reason(self.reasons[index]), self.messages[index])
        return Scored(Packing(self.tokens[index], self.causal).unpack(self.entries[index]))


class Reader:
    """Reads outcomes text by text; blocks stay in memory for the texts that come next, within a bound.

    For every text all programs are asked for, in the same order. If their blocks are too many, the first ones stay and
    the others are read again for each text: if the least recently used went, none would be there when it is needed.

    Args:
        stores: Where outcomes are, one store for each part of the texts.
        max_bytes: Bound on the blocks in memory.
    """

    def __init__(self, stores: Sequence[ResultStore], max_bytes: int = KEPT_BYTES) -> None:
        self._stores = stores
        self._max_bytes = max_bytes
        self._kept: dict[tuple[int, int], dict[str, Block]] = {}
        self._bytes = 0

    def outcome(self, store: int, program_id: str, text: int) -> Outcome:
        """A program's outcome on a text.

        Args:
            store: Number of the store.
            program_id: The program.
            text: Number of the text in the store.
        """
        number, index = divmod(text, TEXTS_AT_ONCE)
        place = store, number
        block = self._kept.setdefault(place, {}).get(program_id)
        if block is None:
            block = self._stores[store].block(program_id, number)
            while self._bytes + block.nbytes > self._max_bytes and len(self._kept) > IN_USE:
                oldest = self._kept.pop(next(other for other in self._kept if other != place))
                self._bytes -= sum(old.nbytes for old in oldest.values())
            if self._bytes + block.nbytes <= self._max_bytes:
                self._kept[place][program_id] = block
                self._bytes += block.nbytes
        return block.outcome(index)


def _part(program_id: str) -> str:
    return f"{program_id}.arrow"
