"""The search for all heads of SmolLM2, and how it grows with heads, texts, tokens and terms."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from benchmarks.report import Section


@dataclass(frozen=True)
class Size:
    """What a search is given."""

    heads: int
    texts: int
    tokens: int
    terms: int


WHOLE = Size(heads=270, texts=300, tokens=64, terms=8)
BASE = Size(heads=64, texts=50, tokens=32, terms=4)
SIZES = {"whole": WHOLE, "base": BASE} | {
    f"twice_the_{name}": replace(BASE, **{name: 2 * getattr(BASE, name)})
    for name in ("heads", "texts", "tokens", "terms")
}
ALLOWED_SECONDS, ALLOWED_MIB = 300.0, 3 * 1024.0
PEAKS: dict[str, float] = {}


def searched(name: str) -> None:
    """Runs a search in a process of its own and notes its peak memory."""
    size = SIZES[name]
    command = [sys.executable, "-m", "benchmarks.search_run"]
    command += [str(number) for number in (size.heads, size.texts, size.tokens, size.terms)]
    found = subprocess.run(command, check=True, capture_output=True, text=True)
    PEAKS[name] = json.loads(found.stdout)["peak_mib"]


@pytest.mark.parametrize("name", SIZES)
def bench_search(benchmark: Any, name: str) -> None:
    """Start of Python and the making of texts are within the time."""
    benchmark.pedantic(searched, args=(name,), rounds=1)


def summary(medians: Mapping[str, float]) -> Section:
    """Seconds, and how many times as long twice as much of something takes."""
    seconds = {name: medians[f"search[{name}]"] for name in SIZES}
    growth = {f"time with {name.replace('_', ' ')}": seconds[name] / seconds["base"] for name in SIZES if "_" in name}
    time, memory = "time allowed (300 s) to that of the whole", "memory allowed (3 GiB) to that of the whole"
    ratios = {time: ALLOWED_SECONDS / seconds["whole"], memory: ALLOWED_MIB / PEAKS["whole"]}
    return Section(
        "seconds; whole: 270 heads, 300 texts of 64 tokens, 8 terms; base: 64 heads, 50 texts of 32 tokens, 4 terms",
        seconds,
        ratios | growth,
        {time: 1, memory: 1},
        {f"peak memory, {name} (MiB)": round(peak) for name, peak in PEAKS.items()},
    )
