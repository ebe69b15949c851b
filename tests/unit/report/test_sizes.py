"""What is derived for a real model: measured parts carry over, formulas add what grows with its size."""

from typing import Any

import pytest

from attention_programs.report.sizes import GIB, GPU_CORES, OMITTED, SIZES, STARTING, STARTING_MIB, sizes_tables

TEXTS = {"train": 6, "validation": 3, "test": 3}
NARROW = {"texts": TEXTS, "passes": {"distil": 10}, "entries_of_a_text": 1000, "entries_searched": 6000}
REAL = {
    "texts": {split: 10 * count for split, count in TEXTS.items()},
    "passes": {"distil": 100},
    "entries_of_a_text": 1000,
    "entries_searched": 60_000,
    "search_mib": 2048,
    "score_mib": 1024,
}


def sizes(**stages: tuple[float, float]) -> dict[str, Any]:
    """Measurements of the layout of TinyLlama: seconds and MiB of some stages."""
    used = {name: {"processor_seconds": cpu, "peak_mib": mib} for name, (cpu, mib) in stages.items()}
    model = {"layers": 22, "heads": 32, "stages": used, "patterns_mib": 10.0, "other_data_mib": 1.0}
    size = {"texts": 12, "tokens": 256, "head_size": 8, "vocabulary": 4096}
    return {**size, "models": {"tinyllama-1.1b": {**model, "narrow": NARROW, "real": REAL}}}


def row(stage: str, cpu: float, mib: float) -> list[str]:
    (line,) = (
        line for line in sizes_tables(sizes(**{stage: (cpu, mib)})).splitlines() if line.startswith(f"| {stage}")
    )
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_pass_with_gradients_adds_weights_states_and_logits_to_what_was_measured() -> None:
    size, measured = SIZES["tinyllama-1.1b"], 2048 + STARTING_MIB
    states = 2 * 22 * 8 * 256 * (10 * 2048 + 4 * 5632)
    expected = 2 * 1.10e9 + 2 * GIB + states + 4 * 8 * 4 * 256 * 32000
    minutes = (STARTING + 10 * (66 - STARTING) + 2 * 1.10e9 * 256 * 100 / 1e14) / 60
    assert row("distil", 66, measured) == [
        "distil", "66 s", f"{measured / 1024:.1f} GiB", f"{expected / GIB:.1f} GiB", f"{minutes:.0f} min",
    ]  # fmt: skip
    assert size.weights == 2.2e9


def test_the_search_grows_with_entries_and_its_memory_has_a_bound() -> None:
    patterns = 2 * 22 * 32 * 1000 * 120
    assert 3 * patterns < 6 * 2 * GIB
    expected = STARTING_MIB / 1024 + 3 * patterns / GIB
    minutes = (STARTING + OMITTED * 10 * 6000 / GPU_CORES) / 60
    assert row("search", 6000 + STARTING, 0)[3:] == [f"{expected:.1f} GiB", f"{minutes:.0f} min"]


@pytest.mark.parametrize(("stage", "texts"), [("score", 10), ("analyse", 10)])
def test_other_stages_grow_with_texts(stage: str, texts: int) -> None:
    assert row(stage, 36, 0)[4] == f"{max(1, (STARTING + 30 * texts) / 60):.0f} min"
