"""What models of the paper's size need, derived from runs of narrow models with the same heads.

A narrow model has the heads of the real one, but small weights. What is measured on it grows with heads and entries and
carries over; what grows with parameters, width and vocabulary is added by formulas. A GPU's speed is an assumption.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from attention_programs.report.markdown import markdown_table

GPU_OPERATIONS = 1e14
"""Assumed: floating-point operations that a GPU does in a second on matrix products."""
GPU_CORES = 50
"""Assumed: cores that a GPU is worth in the search, which reads memory most of the time."""
OMITTED = 2
"""Assumed: the search with the analyses that the narrow run leaves out, relative to the one that was run."""
STARTING = 6.0
"""Seconds of the processor until a stage begins its work."""
STARTING_MIB = 500
"""Memory of a process that has imported everything."""
LOGITS_BYTES = 2**31
"""Bound on the logits of a pass."""
TOKENS, BATCH, EFFECTS_BATCH, QUESTIONS = 256, 8, 32, 16
"""Length of a text, and texts in a pass: with gradients, without, and of questions."""
GIB = 2**30


@dataclass(frozen=True)
class Size:
    """A real model."""

    label: str
    parameters: float
    width: int
    inner_width: int
    vocabulary: int

    @property
    def weights(self) -> float:
        """Bytes in bfloat16."""
        return 2 * self.parameters

    @property
    def logits(self) -> float:
        """Bytes of a text's logits in single precision."""
        return 4.0 * TOKENS * self.vocabulary

    def states(self, layers: int) -> float:
        """Bytes of bfloat16 that a pass with gradients keeps, but for patterns and logits."""
        return 2.0 * layers * BATCH * TOKENS * (10 * self.width + 4 * self.inner_width)

    @property
    def texts(self) -> int:
        """Texts of a pass whose logits are bounded."""
        return int(LOGITS_BYTES // self.logits)


SIZES = {
    "llama-3.2-3b": Size("Llama-3.2-3B", 3.21e9, 3072, 8192, 128256),
    "tinyllama-1.1b": Size("TinyLlama-1.1B", 1.10e9, 2048, 5632, 32000),
}
STAGES = ("attention", "search", "score", "select", "analyse", "ablation", "distil", "replace", "evaluate")
HEAD = ("stage", "narrow: seconds of a core", "narrow: peak memory", "real: memory", "real: time")


def sizes_tables(sizes: Mapping[str, Any]) -> str:
    """A table for each model, from ``results/sizes.json``."""
    blocks = []
    for name, found in sizes["models"].items():
        size, texts = SIZES[name], sum(found["real"]["texts"].values())
        rows = [_row(stage, size, found) for stage in STAGES if stage in found["stages"]]
        others = sum(used["processor_seconds"] for stage, used in found["stages"].items() if stage not in STAGES)
        disk = 2 * found["layers"] * found["heads"] * found["real"]["entries_of_a_text"] * texts
        narrow = (
            f"{sizes['texts']} texts of {sizes['tokens']} tokens, heads of {sizes['head_size']} numbers, a vocabulary "
            f"of {sizes['vocabulary']:,}; {found['patterns_mib']:.0f} MiB of patterns and "
            f"{found['other_data_mib']:.0f} MiB of other data on disk; the other stages took {others:.0f} s together"
        )
        scores = found["other_data_mib"] * _scored(found["real"]) / _scored(found["narrow"])
        real = (
            f"{texts} texts, {size.weights / GIB:.1f} GiB of weights, {disk / GIB:.1f} GiB of patterns and "
            f"{scores / 1024:.1f} GiB of scores on disk"
        )
        blocks += [
            f"{size.label}: {found['layers']} layers of {found['heads']} heads. Narrow: {narrow}. Real: {real}.",
            "",
            *markdown_table(HEAD, rows),
            "",
        ]
    return "\n".join(blocks[:-1])


def _row(stage: str, size: Size, found: Mapping[str, Any]) -> list[str]:
    used = found["stages"][stage]
    return [
        stage,
        f"{used['processor_seconds']:.0f} s",
        f"{used['peak_mib'] / 1024:.1f} GiB",
        f"{_memory(stage, size, found) / GIB:.1f} GiB",
        f"{max(1, _seconds(stage, size, found) / 60):.0f} min",
    ]


def _memory(stage: str, size: Size, found: Mapping[str, Any]) -> float:
    """Bytes of the real model: on the GPU where the model runs or the search, else in main memory."""
    real, measured = found["real"], max(0, found["stages"][stage]["peak_mib"] - STARTING_MIB) * 2**20
    kept = size.states(found["layers"])
    match stage:
        case "attention":
            return size.weights + measured
        case "search":
            patterns = 2 * found["layers"] * found["heads"] * real["entries_of_a_text"] * sum(real["texts"].values())
            return STARTING_MIB * 2**20 + min(3 * patterns, 6 * real["search_mib"] * 2**20)
        case "score":
            return (STARTING_MIB + real["score_mib"]) * 2**20
        case "select":  # all scores of two splits, and copies while they are read
            heads = found["layers"] * found["heads"]
            return STARTING_MIB * 2**20 + 3 * 12 * _scored(real) * heads**2
        case "ablation":
            fisher = kept + 6 * min(BATCH, size.texts) * size.logits
            return size.weights + measured + max(fisher, 3 * min(EFFECTS_BATCH, size.texts) * size.logits)
        case "distil":
            return size.weights + measured + kept + 4 * BATCH * size.logits
        case "replace":
            return size.weights + measured + 2 * min(EFFECTS_BATCH, size.texts) * size.logits
        case "evaluate":
            return size.weights + measured + 6 * QUESTIONS * size.logits
    return STARTING_MIB * 2**20 + measured


def _seconds(stage: str, size: Size, found: Mapping[str, Any]) -> float:
    """Seconds of the real model: one core's work, as it was measured, and the GPU's, one after the other."""
    real, narrow = found["real"], found["narrow"]
    work = max(0.0, found["stages"][stage]["processor_seconds"] - STARTING)
    if stage == "search":
        return STARTING + OMITTED * work * real["entries_searched"] / narrow["entries_searched"] / GPU_CORES
    if stage in real["passes"]:
        operations = 2 * size.parameters * TOKENS * real["passes"][stage]
        return STARTING + work * real["passes"][stage] / narrow["passes"][stage] + operations / GPU_OPERATIONS
    return STARTING + work * _scored(real) / _scored(narrow)


def _scored(work: Mapping[str, Any]) -> int:
    """Texts that programs are scored on."""
    return sum(count for split, count in work["texts"].items() if split != "train")
