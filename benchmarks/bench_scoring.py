"""Scoring 200 programs against 270 heads on a text of 64 tokens, in microseconds a pair and thread.

As in the stage, each thread has a text of its own. The paper's way runs on one thread and is taken to scale perfectly.
"""

import math
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba
import numpy as np
import torch
from numpy.typing import NDArray

from attention_programs.attention.metrics import over_union
from attention_programs.attention.packing import Packing
from attention_programs.scoring import pairwise
from attention_programs.scoring.pairwise import score_pairs
from benchmarks.report import Section

TOKENS, HEADS, PROGRAMS = 64, 270, 200
PAIRS = HEADS * PROGRAMS
SAMPLE = 2000
"""Pairs that the paper's way is timed on."""
REPEATS = 20_000
"""Sums of the machine's limit in one measurement."""
PatternArray = NDArray[np.float32]


def random_patterns(count: int, seed: int) -> PatternArray:
    """Causal maps, shape (count, n, n)."""
    weights = np.tril(np.exp(2 * np.random.default_rng(seed).normal(size=(count, TOKENS, TOKENS))))
    return (weights / weights.sum(axis=-1, keepdims=True)).astype(np.float32)


HEAD_PATTERNS, PROGRAM_PATTERNS = random_patterns(HEADS, 0), random_patterns(PROGRAMS, 1)
PACKED_HEADS, PACKED_PROGRAMS = (
    np.ascontiguousarray(Packing(TOKENS, True).pack(patterns)) for patterns in (HEAD_PATTERNS, PROGRAM_PATTERNS)
)


def side_by_side(threads: int, work: Callable[[], Any]) -> Callable[[], Any]:
    """Does the work once on each thread."""
    pool = ThreadPoolExecutor(threads)
    return lambda: list(pool.map(lambda _: work(), range(threads)))


def bench_paper(benchmark: Any) -> None:
    """NumPy, double precision, clipped, one pair at a time."""
    heads, programs = HEAD_PATTERNS.astype(np.float64), PROGRAM_PATTERNS.astype(np.float64)

    def work() -> list[float]:
        found = []
        for pair in range(SAMPLE):
            a, p = np.clip(heads[pair % HEADS], 0, 1), np.clip(programs[pair % PROGRAMS], 0, 1)
            found.append(np.minimum(a, p).sum() / np.maximum(a, p).sum())
        return found

    benchmark.pedantic(work, rounds=15, warmup_rounds=1)


def bench_cdist(benchmark: Any, threads: int) -> None:
    """Torch's L1 distances, which are all that IoU needs."""
    heads, programs = torch.from_numpy(PACKED_HEADS), torch.from_numpy(PACKED_PROGRAMS)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    work = side_by_side(threads, lambda: torch.cdist(programs, heads, p=1))
    benchmark.pedantic(work, rounds=15, warmup_rounds=1)
    torch.set_num_threads(before)


def bench_minima(benchmark: Any, threads: int) -> None:
    """The sums that IoU needs, by the kernel."""
    every = np.arange(PACKED_HEADS.shape[1])
    programs = pairwise._tiled(PACKED_PROGRAMS, every, pairwise.PROGRAMS)
    heads = pairwise._tiled(PACKED_HEADS, every, pairwise.HEADS)
    work = side_by_side(threads, lambda: pairwise._over_pairs(pairwise._add_minima, programs, heads))
    benchmark.pedantic(work, rounds=50, warmup_rounds=2)


def bench_stage(benchmark: Any, threads: int) -> None:
    """All that the stage computes: intersection, IoU without the sink, Jensen-Shannon divergence."""
    starts = Packing(TOKENS, True).starts
    work = side_by_side(threads, lambda: score_pairs(PACKED_PROGRAMS, PACKED_HEADS, starts))
    benchmark.pedantic(work, rounds=30, warmup_rounds=2)


@numba.njit(nogil=True, fastmath=True)
def _sum_differences(a: PatternArray, b: PatternArray, repeats: int) -> float:
    total = 0.0
    for _ in range(repeats):
        distance = np.float32(0)
        for cell in range(a.size):
            distance += abs(a[cell] - b[cell])
        total += distance
        a[0] += np.float32(1e-6)  # so that no repetition can be left out
    return total


def _aligned(entries: PatternArray) -> PatternArray:
    """A copy that begins where a line of the cache begins, so that no load needs two of them."""
    memory = np.empty(len(entries) + 16, np.float32)
    start = -memory.ctypes.data // 4 % 16
    memory[start : start + len(entries)] = entries
    return memory[start : start + len(entries)]


def bench_limit(benchmark: Any, threads: int) -> None:
    """Differences of two maps that stay in the first-level cache: as fast as this machine adds up |a - p|."""
    program = _aligned(PACKED_PROGRAMS[0])
    work = side_by_side(threads, lambda: _sum_differences(_aligned(PACKED_HEADS[0]), program, REPEATS))
    benchmark.pedantic(work, rounds=15, warmup_rounds=1)


def by_double_loop(attention: PatternArray, predicted: PatternArray) -> dict[str, float]:
    """The scores as they are defined, cell by cell in double precision."""
    shared, joined, divergence = [0.0, 0.0], [0.0, 0.0], 0.0
    for row in range(TOKENS):
        for column in range(row + 1):
            a, p = float(attention[row, column]), float(predicted[row, column])
            shared[column > 0] += min(a, p)
            joined[column > 0] += max(a, p)
            divergence += sum(weight / 2 * math.log2(2 * weight / (a + p)) for weight in (a, p) if weight > 0)
    return {
        "iou": sum(shared) / sum(joined),
        "sink_excluded_iou": shared[1] / joined[1],
        "divergence": divergence / TOKENS,
    }


def largest_errors() -> dict[str, float]:
    """Largest difference of each score from the double loop, on one pair of each head."""
    found = score_pairs(PACKED_PROGRAMS, PACKED_HEADS, Packing(TOKENS, True).starts)
    scores = {
        "iou": over_union(found.intersection, 2 * TOKENS - found.intersection),
        "sink_excluded_iou": found.sink_excluded_iou,
        "divergence": found.divergence,
    }
    errors = dict.fromkeys(scores, 0.0)
    for head in range(HEADS):
        program = head % PROGRAMS
        expected = by_double_loop(HEAD_PATTERNS[head], PROGRAM_PATTERNS[program])
        for name, score in scores.items():
            errors[name] = max(errors[name], abs(float(score[program, head]) - expected[name]))
    return errors


def summary(medians: Mapping[str, float]) -> Section:
    """Microseconds a pair, and what the kernel gains."""
    pairs = {"paper": SAMPLE, "limit": REPEATS}
    time = {name: 1e6 * seconds / pairs.get(name, PAIRS) for name, seconds in medians.items()}
    errors = largest_errors()
    assert max(errors.values()) < 1e-5, errors
    return Section(
        "microseconds a pair and thread",
        time,
        {
            "the paper's way to torch.cdist": time["paper"] / time["cdist"],
            "the paper's way to the kernel's minima": time["paper"] / time["minima"],
            "the paper's way to all scores of the stage": time["paper"] / time["stage"],
            "the machine's limit to the kernel's minima": time["limit"] / time["minima"],
        },
        {
            "the paper's way to the kernel's minima": 30,
            "the paper's way to all scores of the stage": 30,
            "the machine's limit to the kernel's minima": 0.5,
        },
        {f"largest error of {name} against the double loop (millionths)": 1e6 * error for name, error in errors.items()}
        | {"pairs that the paper's way was timed on": SAMPLE},
    )
