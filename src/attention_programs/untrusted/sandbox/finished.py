"""Outcomes of untrusted programs on disk, one file per program, so that a killed run loses no finished one."""

import functools
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from attention_programs.attention.packing import Packing
from attention_programs.checkpoint import Checkpoint
from attention_programs.files import sha256_file, sha256_text
from attention_programs.programs.run_result import Outcome, Reason, Rejected, Scored
from attention_programs.untrusted.sandbox.pool import Ran

TEXTS_AT_ONCE = 8
"""Texts in one block of a file; a block is read at once."""
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

    def outcomes(self, program_id: str, block: int) -> list[Outcome]:
        """The outcomes of one block of ``TEXTS_AT_ONCE`` texts."""
        with pa.memory_map(str(self._checkpoint.file(_part(program_id)))) as source:
            batch = pa.ipc.open_file(source).get_batch(block)
            return [self._outcome(batch, index) for index in range(batch.num_rows)]

    def _outcome(self, batch: pa.RecordBatch, index: int) -> Outcome:
        reason, message, tokens = (batch[name][index].as_py() for name in ("reason", "message", "tokens"))
        if reason != _SCORED:
            return Rejected(Reason(reason), message)
        return Scored(Packing(tokens, self._causal).unpack(batch["cells"][index].values.to_numpy()))

    def remove(self) -> None:
        """Deletes everything, including leftovers from other lists of texts."""
        self._checkpoint.remove()


def _part(program_id: str) -> str:
    return f"{program_id}.arrow"
