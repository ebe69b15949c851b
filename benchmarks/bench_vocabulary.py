"""270 sparse programs on a text of 128 tokens, one by one on one core."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from attention_programs.programs.code_generation import WeightedTerm, emit
from attention_programs.programs.features import candidate_features
from attention_programs.programs.run_result import Scored
from attention_programs.programs.runtime import Program, compile_trusted, run
from attention_programs.programs.view import TokenView
from benchmarks.report import Section

TOKENS, PROGRAMS, TERMS = 128, 270, 8
ALLOWED = 40.0
"""Milliseconds."""
WORDS = (
    " the",
    " cat",
    ",",
    " sat",
    " on",
    " The",
    ".",
    " Tom",
    "\n",
    "def",
    " x",
    " =",
    "(",
    ")",
    " 12",
    " and",
    "ing",
)


def sparse_sources(terms: int = TERMS, programs: int = PROGRAMS) -> list[str]:
    """Sums of so many terms as the search emits them; a quarter of the terms holds for some queries only."""
    generator = np.random.default_rng(0)
    features = candidate_features(causal=True)
    share = np.array([0.25 if feature.query else 0.75 for feature in features])
    counts = {weight: (share == weight).sum() for weight in (0.25, 0.75)}
    chances = share / np.array([counts[weight] for weight in share])
    sources = []
    for _ in range(programs):
        chosen = generator.choice(len(features), terms, replace=False, p=chances)
        coefficients = np.round(generator.normal(0, 3, terms), 1)
        weighted = [WeightedTerm(features[i], float(c), abs(c)) for i, c in zip(chosen, coefficients, strict=True)]
        sources.append(emit(weighted))
    return sources


def sparse_programs() -> list[Program]:
    """The same, ready to run."""
    sources = sparse_sources()
    return [compile_trusted(source, f"program {number}") for number, source in enumerate(sources)]


def fresh_text() -> TokenView:
    """A text from which nothing is derived yet."""
    ids = np.random.default_rng(1).integers(0, len(WORDS), TOKENS).tolist()
    return TokenView(ids, [WORDS[token] for token in ids])


def bench_shared(benchmark: Any) -> None:
    """What the programs mention is derived already."""
    programs, text = sparse_programs(), fresh_text()
    assert all(isinstance(run(program, text), Scored) for program in programs)
    benchmark.pedantic(lambda: [run(program, text) for program in programs], rounds=30, warmup_rounds=2)


def bench_fresh(benchmark: Any) -> None:
    """The first program that mentions a term derives it."""
    programs = sparse_programs()
    work = lambda text: [run(program, text) for program in programs]  # noqa: E731
    benchmark.pedantic(work, setup=lambda: ((fresh_text(),), {}), rounds=30, warmup_rounds=2)


def summary(medians: Mapping[str, float]) -> Section:
    """Milliseconds for all programs."""
    time = {name: 1e3 * seconds for name, seconds in medians.items()}
    ratio = "time allowed (40 ms) to time with shared patterns"
    return Section(
        "milliseconds for 270 programs, 128 tokens, one core",
        time,
        {ratio: ALLOWED / time["shared"], "time allowed (40 ms) to time from nothing": ALLOWED / time["fresh"]},
        {ratio: 1},
    )
