"""Untrusted programs on a cluster's workers on this machine, against this process's own sandbox; what a task costs."""

import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attention_programs.config import SandboxSettings
from attention_programs.models.token_style import TokenStyle
from attention_programs.programs.record import make_record
from attention_programs.programs.view import TokenView
from attention_programs.tasks import CLUSTER, Workplace, run_tasks, workplace
from attention_programs.untrusted.cluster_runner import PROGRAMS_AT_ONCE, ClusterRunner
from attention_programs.untrusted.execution import SandboxRunner
from benchmarks.report import Section
from benchmarks.synthetic import synthetic_programs, synthetic_texts

PROGRAMS, TEXTS, LONGEST = 4 * PROGRAMS_AT_ONCE, 64, 64
EMPTY = 200
"""Tasks that do nothing."""
ROUNDS = 3
_GENERATOR = np.random.default_rng(0)
RECORDS = [
    make_record(program.source, f"synthetic {number}", "llm", "prefix_only", [], {})
    for number, program in enumerate(synthetic_programs(PROGRAMS, _GENERATOR))
]
VIEWS = [TokenView(text.ids, text.token_strings) for text in synthetic_texts(TEXTS, LONGEST, _GENERATOR)]


@contextmanager
def workers(count: int, root: Path, patch: pytest.MonkeyPatch) -> Iterator[Workplace]:
    """A cluster of so many workers, each with one thread."""
    import distributed

    (root / "params.yaml").touch()
    with distributed.LocalCluster(
        n_workers=count, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
    ) as cluster:
        patch.setenv(CLUSTER, cluster.scheduler_address)
        with workplace(root) as place:
            yield place


def folders(root: Path) -> Iterator[Path]:
    """Folders for outcomes, a new one for each round."""
    return (root / f"outcomes-{number}" for number in itertools.count())


def bench_here(benchmark: Any, tmp_path: Path) -> None:
    """One program at a time in this process's sandbox."""
    new = folders(tmp_path)
    with SandboxRunner(SandboxSettings(), 1, TokenStyle("byte-level")) as runner:
        benchmark.pedantic(lambda: runner.finish(RECORDS, VIEWS, next(new)), rounds=ROUNDS, warmup_rounds=1)


@pytest.mark.parametrize("count", [1, 2])
def bench_workers(benchmark: Any, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One program at a time in the sandbox of every worker."""
    new = folders(tmp_path)
    with (
        workers(count, tmp_path, monkeypatch) as place,
        SandboxRunner(SandboxSettings(), 1, TokenStyle("byte-level")) as sandbox,
    ):
        runner = ClusterRunner(sandbox, place)
        benchmark.pedantic(lambda: runner.finish(RECORDS, VIEWS, next(new)), rounds=ROUNDS, warmup_rounds=1)


def nothing(number: int) -> int:
    """A task."""
    return number


def bench_empty(benchmark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tasks that do nothing, on two workers."""
    with workers(2, tmp_path, monkeypatch) as place:
        benchmark.pedantic(
            lambda: list(run_tasks(nothing, range(EMPTY), place, "nothing")), rounds=ROUNDS, warmup_rounds=1
        )


def summary(medians: Mapping[str, float]) -> Section:
    """Seconds, and how many times as fast as this process."""
    seconds = {"here": medians["here"], **{f"{n} workers": medians[f"workers[{n}]"] for n in (1, 2)}}
    return Section(
        f"seconds for {PROGRAMS} programs on {TEXTS} texts of 8 to {LONGEST} tokens",
        seconds,
        {
            "one worker to this process": seconds["here"] / seconds["1 workers"],
            "two workers to one": seconds["1 workers"] / seconds["2 workers"],
        },
        {},
        {"milliseconds that an empty task costs": round(1000 * medians["empty"] / EMPTY, 2)},
    )
