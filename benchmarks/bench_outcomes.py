"""Reading back the outcomes of 1,161 untrusted programs text by text, as the scoring does, in microseconds an outcome.

For every text all programs' outcomes are asked for. When the 1,024 blocks used last were kept, instead of what fits a
bound on their bytes, more programs than that were read again for every text.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attention_programs.programs.run_result import Scored, normalise
from attention_programs.untrusted.sandbox.finished import TEXTS_AT_ONCE, Reader, ResultStore
from attention_programs.untrusted.sandbox.pool import Ran
from benchmarks.report import Section

PROGRAMS, TEXTS, TOKENS = 1161, 2 * TEXTS_AT_ONCE, 64
ROUNDS = 3
LEAST = 2


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ResultStore]:
    """Patterns of a few kinds, as programs make them."""
    made = ResultStore(Path(tmp_path_factory.mktemp("outcomes")), ["texts"], causal=True)
    distance = np.abs(np.subtract.outer(np.arange(TOKENS), np.arange(TOKENS)))
    for program in range(PROGRAMS):
        weights = normalise((1.0 / (1 + distance) ** (1 + program % 7)).astype(np.float32), causal=True)
        made.put(str(program), Ran([Scored(weights)] * TEXTS))
    yield made
    made.remove()


def read_all(reader: Reader) -> None:
    """Reads every outcome once."""
    for text in range(TEXTS):
        for program in range(PROGRAMS):
            assert isinstance(reader.outcome(0, str(program), text), Scored)


def bench_kept(benchmark: Any, store: ResultStore) -> None:
    """Blocks stay in memory while their texts are scored."""
    benchmark.pedantic(lambda: read_all(Reader([store])), rounds=ROUNDS)


def bench_read_again(benchmark: Any, store: ResultStore) -> None:
    """Every text reads them again."""
    benchmark.pedantic(lambda: read_all(Reader([store], max_bytes=0)), rounds=ROUNDS)


def summary(medians: Mapping[str, float]) -> Section:
    """Microseconds an outcome."""
    time = {name: 1e6 * seconds / (PROGRAMS * TEXTS) for name, seconds in medians.items()}
    ratio = "reading again for each text to keeping blocks"
    unit = f"microseconds an outcome of {PROGRAMS} programs on {TEXTS} texts of {TOKENS} tokens"
    return Section(unit, time, {ratio: time["read_again"] / time["kept"]}, {ratio: LEAST})
