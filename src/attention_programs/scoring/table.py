"""The score table: every program x head x text, with a status; all means are computed from it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray

from attention_programs.attention.packing import pack, row_starts
from attention_programs.attention.store import MappedText
from attention_programs.corpora.text import Split
from attention_programs.errors import UserError
from attention_programs.files import replacing
from attention_programs.programs.runtime import Program, Scored, run
from attention_programs.programs.table import ProgramRecord
from attention_programs.programs.view import TokenView
from attention_programs.scoring.kernel import iou_from_intersection, score_pairs

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
"""One row a text and program; the lists run over the studied heads. A failed program has zero intersection."""


@dataclass(frozen=True)
class Workers:
    """How the work is divided."""

    count: int
    """Threads."""
    block_mib: float
    """Size of one block of comparisons."""
    device: str
    """Where the kernel computes."""


def score_texts(
    texts: Sequence[MappedText], programs: Sequence[ProgramRecord], causal: bool, settings: Workers
) -> Iterator[pa.Table]:
    """Yields the score rows of each text, in order; texts are scored side by side, each on one thread."""
    compiled = [program.compiled() for program in programs]

    def score(text: MappedText) -> pa.Table:
        return _score_text(text, programs, compiled, causal, settings)

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(settings.count) as pool:
            yield from pool.map(score, texts)
    finally:
        torch.set_num_threads(threads)


def _score_text(
    text: MappedText, programs: Sequence[ProgramRecord], compiled: Sequence[Program], causal: bool, settings: Workers
) -> pa.Table:
    view = TokenView(text.ids, text.pieces, causal)
    outcomes = [run(program, view) for program in compiled]
    good = [i for i, outcome in enumerate(outcomes) if isinstance(outcome, Scored)]
    maps = [pack(outcome.weights, causal) for outcome in outcomes if isinstance(outcome, Scored)]
    shape = (len(programs), len(text.cells))
    intersection, excluded = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    divergence = np.ones(shape, np.float32)
    if maps:
        attention = _exact_rows(text.cells, view.n, causal)
        predicted = np.stack(maps).astype(np.float32)
        starts = row_starts(view.n, causal)
        found = score_pairs(predicted, attention, starts, settings.block_mib, settings.device)
        intersection[good], excluded[good] = found.intersection, found.sink_excluded_iou
        divergence[good] = found.divergence
    count = len(programs)
    return pa.Table.from_pydict(
        {
            "split": [text.split] * count,
            "corpus": [text.corpus] * count,
            "text": [text.key] * count,
            "program": [program.id for program in programs],
            "status": [OK if isinstance(outcome, Scored) else str(outcome.reason) for outcome in outcomes],
            "rows": [view.n] * count,
            "intersection": list(intersection),
            "sink_excluded_iou": list(excluded),
            "divergence": list(divergence),
        },
        schema=SCHEMA,
    )


def _exact_rows(cells: NDArray[np.float32], tokens: int, causal: bool) -> NDArray[np.float32]:
    """Makes rows sum to 1 again after storage in 16 bits."""
    starts = row_starts(tokens, causal)
    sums = np.add.reduceat(cells, starts, axis=1)
    return cells / np.repeat(sums, np.diff(np.append(starts, cells.shape[1])), axis=1)


def write_scores(path: Path, tables: Iterable[pa.Table]) -> dict[str, int]:
    """Writes the table text by text; returns how many program x text runs had each status."""
    counts: Counter[str] = Counter()
    with replacing(path) as beside, pq.ParquetWriter(beside, SCHEMA, compression="zstd") as writer:
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
        """Positions of the texts of one corpus; all texts for ``all``."""
        return np.flatnonzero([corpus in ("all", name) for name in self.corpora])


def read_scores(path: Path, split: Split) -> SplitScores:
    """Reads one split of the table.

    Raises:
        UserError: if the file is missing or holds no such split.
    """
    if not path.is_file():
        raise UserError(f"{path} does not exist; run `dvc repro score`")
    table = pq.read_table(path, filters=[("split", "==", split)])
    if not table.num_rows:
        raise UserError(f"{path} holds no scores of the split {split!r}; run `dvc repro score`")
    texts = list(dict.fromkeys(table["text"].to_pylist()))
    programs = table["program"].to_pylist()[: table.num_rows // len(texts)]
    corpora = table["corpus"].to_pylist()[:: len(programs)]

    def cube(name: str) -> NDArray[np.float32]:
        values = table[name].combine_chunks().flatten().to_numpy()
        return values.reshape(len(texts), len(programs), -1)

    rows = np.array(table["rows"].to_pylist()).reshape(len(texts), len(programs), 1)
    intersection = cube("intersection")
    return SplitScores(
        texts,
        corpora,
        programs,
        iou_from_intersection(intersection, rows).astype(np.float32),
        cube("sink_excluded_iou"),
        cube("divergence"),
    )
