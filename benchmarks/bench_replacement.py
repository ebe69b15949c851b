"""A model of SmolLM2's size with all heads replaced, against the model itself: whole texts, and one token at a time."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch

from attention_programs.models.head import all_heads
from attention_programs.models.loading import LoadedModel
from attention_programs.programs.record import make_record
from attention_programs.surrogate.intervention import PatchedModel
from benchmarks.bench_vocabulary import WORDS, sparse_sources
from benchmarks.report import Section
from benchmarks.sized_model import HEADS, LAYERS, sized_model

TERMS = 8
PEAKS: dict[str, float] = {}
LENGTHS = (64, 256, 512)
AFTER = (15, 240, 480)
STEPS = 8
KINDS = ("plain", "replaced")


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    """The model, made once."""
    return sized_model(WORDS)


@pytest.fixture
def run(request: pytest.FixtureRequest, model: LoadedModel) -> Any:
    """Calls a function with the model as it is or with all heads replaced."""
    patched = PatchedModel(model, assignment()) if request.param == "replaced" else None
    yield model.model
    if patched:
        patched.restore()


def assignment() -> dict[Any, Any]:
    """A program of eight terms for every head."""
    heads = all_heads(LAYERS, HEADS)
    return {
        head: make_record(source, f"program {number}", "search", "prefix_only", [str(head)], {})
        for number, (head, source) in enumerate(zip(heads, sparse_sources(TERMS), strict=True))
    }


def tokens(count: int) -> torch.Tensor:
    """A random text."""
    return torch.from_numpy(np.random.default_rng(0).integers(0, len(WORDS), (1, count)))


@pytest.mark.parametrize("run", KINDS, indirect=True)
@pytest.mark.parametrize("length", LENGTHS)
def bench_pass(benchmark: Any, run: Any, length: int) -> None:
    """One pass over a text."""
    ids = tokens(length)
    with torch.inference_mode():
        benchmark.pedantic(run, kwargs={"input_ids": ids, "use_cache": False}, rounds=3, warmup_rounds=1)


@pytest.mark.parametrize("run", KINDS, indirect=True)
@pytest.mark.parametrize("after", AFTER)
def bench_token(benchmark: Any, run: Any, after: int) -> None:
    """A few tokens of generation after a prompt, whose own pass is not counted."""
    ids = tokens(after + STEPS)

    def prompted() -> tuple[tuple[Callable[[], Any]], dict[str, Any]]:
        cache = run(input_ids=ids[:, :after], use_cache=True).past_key_values

        def step() -> None:
            for place in range(after, after + STEPS):
                run(input_ids=ids[:, place : place + 1], past_key_values=cache, use_cache=True)

        return (step,), {}

    with torch.inference_mode():
        benchmark.pedantic(lambda step: step(), setup=prompted, rounds=3, warmup_rounds=1)


@pytest.mark.parametrize("kind", KINDS)
def bench_memory(benchmark: Any, kind: str) -> None:
    """One pass over many texts in a process of its own, whose peak memory is noted."""

    def work() -> None:
        command = [sys.executable, "-m", "benchmarks.replacement_run", kind]
        found = subprocess.run(command, check=True, capture_output=True, text=True)
        PEAKS[kind] = json.loads(found.stdout)["peak_mib"]

    benchmark.pedantic(work, rounds=1)


def summary(medians: Mapping[str, float]) -> Section:
    """Seconds, and how many times as fast the replaced model is."""
    cases = [("pass", length) for length in LENGTHS] + [("token", after) for after in AFTER]
    seconds = {
        f"{kind}, {what} {count}": medians[f"{what}[{count}-{kind}]"] / (STEPS if what == "token" else 1)
        for what, count in cases
        for kind in KINDS
    }
    names = {"pass": "speed of a pass over {} tokens", "token": "speed of a token after {}"}
    ratios = {
        names[what].format(count): seconds[f"plain, {what} {count}"] / seconds[f"replaced, {what} {count}"]
        for what, count in cases
    }
    return Section(
        "seconds; all 270 heads replaced by programs of 8 terms, against the model itself",
        seconds,
        ratios,
        dict.fromkeys(ratios, 0.9),
        {
            "terms": TERMS,
            "peak memory with 672 heads replaced above that of the model itself, 8 texts of 256 tokens (MiB)": round(
                PEAKS["replaced"] - PEAKS["plain"]
            ),
        },
    )
