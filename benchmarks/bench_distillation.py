"""A step of distillation in a model of SmolLM2's size, and how it grows with heads, texts, tokens and terms."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from attention_programs.config import DistillationSettings
from attention_programs.models.head import all_heads
from attention_programs.models.loading import LoadedModel
from attention_programs.programs.record import make_record
from attention_programs.surrogate.distillation import Distiller
from benchmarks.bench_vocabulary import WORDS, sparse_sources
from benchmarks.report import Section
from benchmarks.sized_model import HEADS, LAYERS, sized_model

STEPS = 2


@dataclass(frozen=True)
class Size:
    """What a step is given."""

    heads: int
    texts: int
    tokens: int
    terms: int


BASE = Size(heads=135, texts=4, tokens=32, terms=4)
SIZES = {"base": BASE} | {
    f"twice_the_{name}": replace(BASE, **{name: 2 * getattr(BASE, name)})
    for name in ("heads", "texts", "tokens", "terms")
}


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    """The model, made once."""
    return sized_model(WORDS)


def distiller(model: LoadedModel, size: Size) -> Distiller:
    """A short distillation of so many heads on texts that are the same in every step."""
    generator = np.random.default_rng(0)
    sources = sparse_sources(size.terms)
    heads = all_heads(LAYERS, HEADS)
    programs = {
        head: make_record(source, f"program {number}", "search", "prefix_only", [str(head)], {})
        for number, (head, source) in enumerate(zip(heads, sources, strict=True))
    }
    texts = [tuple(generator.integers(0, len(WORDS), size.tokens).tolist()) for _ in range(size.texts)]
    percent = round(100 * size.heads / len(heads))
    settings = DistillationSettings((percent,), (STEPS,), layer_steps=0, batch_texts=size.texts, check_texts=0)
    return Distiller(model, programs, heads, texts, [], settings, generator)


@pytest.mark.parametrize("name", SIZES)
def bench_distillation(benchmark: Any, model: LoadedModel, name: str) -> None:
    """Terms are evaluated and the original model's predictions are known from a first run."""
    work = distiller(model, SIZES[name])
    benchmark.pedantic(work.run, rounds=3, warmup_rounds=1)


def summary(medians: Mapping[str, float]) -> Section:
    """Seconds a step, and how many times as long twice as much of something takes."""
    seconds = {name: medians[f"distillation[{name}]"] / STEPS for name in SIZES}
    growth = {f"time with {name.replace('_', ' ')}": seconds[name] / seconds["base"] for name in SIZES if "_" in name}
    return Section(
        "seconds a step; base: 135 of 270 heads, 4 texts of 32 tokens, 4 terms", seconds, growth, {}, {"steps": STEPS}
    )
