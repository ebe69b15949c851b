"""Programs of unknown origin on 500 texts: all layers of the sandbox against a bare fork."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np
import pytest

from attention_programs.config import SandboxSettings
from attention_programs.programs.run_result import Scored
from attention_programs.untrusted.sandbox.layers import Layer
from attention_programs.untrusted.sandbox.pool import Sandbox
from benchmarks.report import Section
from benchmarks.synthetic import synthetic_programs, synthetic_texts

PROGRAMS, TEXTS, LONGEST, WORKERS = 24, 500, 22, 2
ROUNDS = 7
LEAST = 0.9
"""Of the speed of a bare fork."""


def sandbox(without: Collection[Layer]) -> Iterator[Sandbox]:
    """A sandbox that holds the texts."""
    with Sandbox(SandboxSettings(lowest_level="weak"), WORKERS, without=without) as made:
        made.load(synthetic_texts(TEXTS, LONGEST, np.random.default_rng(1)), causal=True)
        yield made


@pytest.fixture(scope="module")
def strong() -> Iterator[Sandbox]:
    """With every layer that this machine has."""
    yield from sandbox([])


@pytest.fixture(scope="module")
def bare() -> Iterator[Sandbox]:
    """The same without any."""
    yield from sandbox(list(Layer))


def run(made: Sandbox, check: bool) -> None:
    """Runs all programs once."""
    programs = synthetic_programs(PROGRAMS, np.random.default_rng(2))
    for ran in made.run_all(programs, check):
        assert all(isinstance(outcome, Scored) for outcome in ran.outcomes)


def bench_bare_fork(benchmark: Any, bare: Sandbox) -> None:
    """A process for each program and nothing else."""
    benchmark.pedantic(run, (bare, False), rounds=ROUNDS, warmup_rounds=1)


def bench_all_layers(benchmark: Any, strong: Sandbox) -> None:
    """Every layer."""
    benchmark.pedantic(run, (strong, False), rounds=ROUNDS, warmup_rounds=1)


def bench_all_layers_checked(benchmark: Any, strong: Sandbox) -> None:
    """Every layer, and every program run twice more on eight texts to see whether it is deterministic."""
    benchmark.pedantic(run, (strong, True), rounds=ROUNDS, warmup_rounds=1)
    benchmark.extra_info["level"] = strong.description


def summary(medians: Mapping[str, float]) -> Section:
    """Programs a second."""
    speed = {name: PROGRAMS / seconds for name, seconds in medians.items()}
    calls = {f"calls a second, {name}": round(TEXTS * each) for name, each in speed.items()}
    ratio = "all layers to a bare fork"
    ratios = {
        ratio: speed["all_layers"] / speed["bare_fork"],
        "all layers and checks to a bare fork": speed["all_layers_checked"] / speed["bare_fork"],
    }
    unit = f"programs a second on {TEXTS} texts of 8 to {LONGEST} tokens, {WORKERS} workers"
    return Section(unit, speed, ratios, {ratio: LEAST}, calls)
