"""The score table: every program x head x text, with a status; all means come from it."""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray

from attention_programs.attention.metrics import iou_of_shared
from attention_programs.attention.pattern_store import TextAttention
from attention_programs.corpora.text import Split
from attention_programs.errors import UserError
from attention_programs.files import replacing
from attention_programs.programs.record import ProgramRecord
from attention_programs.programs.run_result import Outcome, Scored
from attention_programs.programs.view import TokenView
from attention_programs.programs.vocabulary import PATTERNS
from attention_programs.scoring.pairwise import score_pairs
from attention_programs.scoring.workers import Workers, map_within_bound

OK = "scored"
SCHEMA = pa.schema(
    [
        ("split", pa.string()),
        ("corpus", pa.string()),
        ("text", pa.string()),
        ("program", pa.string()),
        ("status", pa.string()),
        ("rows", pa.int32()),
        ("intersection", pa.list_(pa.float32())),
        ("sink_excluded_iou", pa.list_(pa.float32())),
        ("divergence", pa.list_(pa.float32())),
    ],
    metadata={"schema_version": "1"},
)
"""One row per text and program; the lists are over the selected heads. A failed program has intersection 0."""
TERMS = sum(len(term.parameters) or 1 for term in PATTERNS.values())
"""Number of matrices that a text's view caches once programs have used the whole vocabulary."""


Run = Callable[[Sequence[ProgramRecord], TokenView], list[Outcome]]
"""Gives the outcomes of programs on a text, like :meth:`Finished.outcomes`."""


def score_texts(
    texts: Iterable[TextAttention], programs: Sequence[ProgramRecord], run: Run, workers: Workers
) -> Iterator[pa.Table]:
    """Yields the score rows of each text, in order; texts are scored in parallel, one thread each.

    Args:
        texts: Texts with their patterns.
        programs: The rows of each text.
        run: Gives the programs' outcomes; called from one thread at a time.
        workers: How the work is divided among threads.
    """
    turn = threading.Lock()

    def outcomes(view: TokenView, chunk: slice) -> list[Outcome]:
        with turn:  # programs hold the GIL: threads that contend for it are slower than one
            return run(programs[chunk], view)

    def score(text: TextAttention) -> pa.Table:
        return _score_text(text, programs, outcomes, workers)

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield from map_within_bound(score, texts, lambda text: bytes_in_work(text, len(programs), workers), workers)
    finally:
        torch.set_num_threads(threads)


def bytes_in_work(text: TextAttention, programs: int, workers: Workers) -> int:
    """Upper bound on the bytes that scoring a text takes."""
    return _bytes_of_text(text, programs) + _chunk_size(text, programs, workers) * _bytes_of_program(text)


def _bytes_of_text(text: TextAttention, programs: int) -> int:
    results, terms = 2 * 12 * programs * len(text.entries), 4 * TERMS * len(text.ids) ** 2
    return 3 * 4 * text.entries.size + results + terms


def _bytes_of_program(text: TextAttention) -> int:
    """Bytes per program of a chunk: its pattern, full and packed, and its sums with each head."""
    return 8 * len(text.ids) ** 2 + 8 * text.entries.shape[1] + 64 * len(text.entries)


def _chunk_size(text: TextAttention, programs: int, workers: Workers) -> int:
    room = workers.share - _bytes_of_text(text, programs)
    return max(min(room // _bytes_of_program(text), programs), 1)


def _score_text(
    text: TextAttention,
    programs: Sequence[ProgramRecord],
    outcomes_of: Callable[[TokenView, slice], list[Outcome]],
    workers: Workers,
) -> pa.Table:
    view, packing = TokenView.of(text), text.packing
    # Rows do not quite sum to 1 after storage in 16 bits.
    attention = packing.weighted(packing.normalised(text.entries.astype(np.float32)))
    count = len(programs)
    shape = (count, len(attention))
    intersection, excluded = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    divergence = np.ones(shape, np.float32)
    statuses: list[str] = []
    chunk = _chunk_size(text, count, workers)
    for start in range(0, count, chunk):
        outcomes = outcomes_of(view, slice(start, start + chunk))
        statuses += [OK if isinstance(outcome, Scored) else str(outcome.reason) for outcome in outcomes]
        good = [start + i for i, outcome in enumerate(outcomes) if isinstance(outcome, Scored)]
        if good:
            patterns = [packing.pack(outcome.weights) for outcome in outcomes if isinstance(outcome, Scored)]
            predicted = packing.weighted(np.stack(patterns))
            found = score_pairs(predicted, attention, packing.starts, workers.device)
            intersection[good], excluded[good] = found.intersection, found.sink_excluded_iou
            divergence[good] = found.divergence
    return pa.Table.from_pydict(
        {
            "split": [text.split] * count,
            "corpus": [text.corpus] * count,
            "text": [text.key] * count,
            "program": [program.id for program in programs],
            "status": statuses,
            "rows": [len(packing.rows)] * count,
            "intersection": list(intersection),
            "sink_excluded_iou": list(excluded),
            "divergence": list(divergence),
        },
        schema=SCHEMA,
    )


def write_scores(path: Path, tables: Iterable[pa.Table]) -> dict[str, int]:
    """Writes the table text by text; returns the number of program x text runs by status."""
    counts: Counter[str] = Counter()
    with replacing(path) as unfinished, pq.ParquetWriter(unfinished, SCHEMA, compression="zstd") as writer:
        for table in tables:
            writer.write_table(table)
            counts.update(table["status"].to_pylist())
    return dict(sorted(counts.items()))


@dataclass(frozen=True)
class SplitScores:
    """The scores of one split as arrays over (texts, programs, heads)."""

    texts: list[str]
    corpora: list[str]
    programs: list[str]
    iou: NDArray[np.float32]
    sink_excluded_iou: NDArray[np.float32]
    divergence: NDArray[np.float32]

    def in_corpus(self, corpus: str) -> NDArray[np.int64]:
        """Indices of the texts of a corpus; all texts for ``all``."""
        return np.flatnonzero([corpus in ("all", name) for name in self.corpora])


def read_scores(path: Path, split: Split) -> SplitScores:
    """Reads one split of the table.

    Raises:
        UserError: if the file is missing or has no such split.
    """
    if not path.is_file():
        raise UserError(f"{path} does not exist; run `dvc repro score`")
    table = pq.read_table(path, filters=[("split", "==", split)])
    if not table.num_rows:
        raise UserError(f"{path} has no scores of the split {split!r}; run `dvc repro score`")
    return as_arrays(table)


def as_arrays(table: pa.Table) -> SplitScores:
    """The rows of one split as arrays."""
    texts = list(dict.fromkeys(table["text"].to_pylist()))
    programs = table["program"].to_pylist()[: table.num_rows // len(texts)]
    corpora = table["corpus"].to_pylist()[:: len(programs)]

    def cube(name: str) -> NDArray[np.float32]:
        values = table[name].combine_chunks().flatten().to_numpy()
        return values.reshape(len(texts), len(programs), -1)

    rows = np.array(table["rows"].to_pylist()).reshape(len(texts), len(programs), 1)
    iou = iou_of_shared(cube("intersection"), rows).astype(np.float32)
    return SplitScores(texts, corpora, programs, iou, cube("sink_excluded_iou"), cube("divergence"))
