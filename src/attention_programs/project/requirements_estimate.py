"""What a profile will need, estimated from seconds of its own work on this machine.

Two things are measured: reading the attention patterns of a few texts, and searching programs for some of the heads on
them. Everything else is a multiple of the two, in proportions that were measured once, with the default profile of
SmolLM2-135M on two cores (SHARES below): stages that run the model go by the number of texts that they run it on, the
others by the time of the search. What this leaves out:

- other work on the same machine, now or later, and a processor that slows down when it is warm;
- that passes without attention patterns are computed in bfloat16 where the processor can, which changes their time
  relative to reading patterns from one machine or model to another;
- replies of a language model, imported programs, and downloads;
- finished stages of an earlier run, which are not run again.

So times may be off by a factor of two, and are for choosing between a coffee and a night. Memory is the model's
weights, the logits of the largest batch, and during the search the patterns or, for many and long texts, a multiple
of ``synthesis.memory_mib``, which bounds each group of texts that it holds; disk is the patterns, which are exact.
"""

import gc
import io
import time
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

from attention_programs.attention.extraction import extract
from attention_programs.attention.packing import Packing, sampled_rows
from attention_programs.attention.pattern_store import TextAttention
from attention_programs.config import Config
from attention_programs.corpora.text import Split, Text, read_texts
from attention_programs.errors import UserError
from attention_programs.files import free_bytes
from attention_programs.memory import free_memory
from attention_programs.models.architecture import shortest_window
from attention_programs.models.head import choose_heads
from attention_programs.models.loading import LoadedModel, best_device, load_model
from attention_programs.paths import Paths
from attention_programs.sparse_search.search import Search, SearchData
from attention_programs.surrogate.fisher import BATCH_TEXTS as FISHER_TEXTS
from attention_programs.surrogate.losses import LOGITS_BYTES

PIECE_TEXTS = 16
"""Training texts of the piece of search that is timed; a quarter as many are for validation."""
PIECE_HEADS = 32
SHARES = {
    "attention": 1.0, "ablation": 1.0, "effects": 1.0, "distil": 0.9, "replace": 0.4, "controls": 0.4, "evaluate": 0.7,
}  # fmt: skip
"""Seconds per pass of a text through the model, relative to a text whose patterns are read."""
OF_SEARCH = {"search": 0.8, "score": 0.15, "select": 0.05, "categories": 0.05, "analyse": 0.45}
"""Seconds relative to those of the piece of search, scaled up to all heads and to ``sample_texts``."""
FIXED = {"synthesize": 15.0, "report": 8.0}
"""Seconds of stages that hardly depend on the model."""
GIB = 2**30
STARTING = 1.2 * GIB
"""Bytes of memory that a stage takes besides what is counted."""


@dataclass(frozen=True)
class Measured:
    """What was timed, in seconds."""

    load: float
    """Loading the model."""
    text: float
    """One text through the model, with its patterns."""
    search: float
    """The piece of search, per head and text."""


@dataclass(frozen=True)
class Estimate:
    """What a profile will need."""

    seconds: dict[str, float]
    """Time by stage."""
    memory: float
    """Bytes of memory at the peak."""
    disk: float
    """Bytes that the stages will write."""

    def lines(self) -> list[str]:
        """The estimate as text."""
        total = sum(self.seconds.values())
        stages = ", ".join(f"{name} {_time(seconds)}" for name, seconds in self.seconds.items())
        space = f"about {self.memory / GIB:.1f} GiB of memory and {self.disk / GIB:.1f} GiB of disk"
        return [f"about {_time(total)} on this machine, perhaps half or twice that: {stages}", space]


def require(disk: float, memory: float, root: Path, purpose: str, remedy: str) -> None:
    """Checks that the machine has what something needs; memory may be a quarter more than what is free now.

    Args:
        disk: Bytes of disk.
        memory: Bytes of memory.
        root: A folder on the disk.
        purpose: What needs them; begins the message.
        remedy: How to get by with less; ends the message.

    Raises:
        UserError: if the disk or the memory is clearly not enough.
    """
    room, spare = free_bytes(root), free_memory()
    for need, free, enough, place, relief in (
        (disk, room, room, f"disk at {root}", "free some space"),
        (memory, spare, 1.25 * spare, "memory", "close other programs"),
    ):
        if need > enough:
            sizes = f"about {need / GIB:.1f} GiB of {place}, {free / GIB:.1f} are free"
            raise UserError(f"{purpose} needs {sizes}; {relief}, or {remedy}")


def estimate(config: Config, paths: Paths) -> Estimate:
    """Measures this machine and estimates what a profile will need; its model and texts must be there.

    Raises:
        UserError: if the settings ask for heads or lengths that the model does not have.
    """
    texts = read_texts(paths.texts)
    start = time.monotonic()
    loaded = load_model(paths.model, best_device())
    load = time.monotonic() - start
    try:
        found = _estimate(config, loaded, texts, load)
    finally:
        del loaded
        gc.collect()
    return found


def _estimate(config: Config, loaded: LoadedModel, texts: list[Text], load: float) -> Estimate:
    record = loaded.record
    heads = choose_heads(config.attention.heads, record.layers, record.heads_per_layer)
    window = shortest_window(loaded.model.config)
    longest = min(config.attention.max_tokens, loaded.max_tokens)
    if window and window < longest:
        raise UserError(f"{record.name} has layers that see only the last {window} tokens; give --tokens {window}")
    piece = {split: [t for t in texts if t.split == split] for split in ("train", "validation")}
    few = piece["train"][:PIECE_TEXTS] + piece["validation"][: PIECE_TEXTS // 4]
    ids = [loaded.encode(text.content, config.attention.max_tokens) for text in few]

    def read() -> list[TextAttention]:
        batches = [ids[i : i + config.attention.batch_texts] for i in range(0, len(ids), config.attention.batch_texts)]
        return [one for batch in extract(loaded, batches, heads[:PIECE_HEADS]) for one in batch]

    _seconds(read)  # the first pass is slower
    patterns = read()
    text_seconds = _seconds(read) / len(few)
    data = [pattern.of(text).halved() for pattern, text in zip(patterns, few, strict=True)]
    measured = Measured(load, text_seconds, _search_seconds(data, config))
    lengths = [len(one) for one in ids]
    rows = config.attention.max_rows if record.causal else 0
    packings = [Packing(n, record.causal, sampled_rows(n, rows)) for n in lengths]
    mean_entries = sum(packing.entries for packing in packings) / len(packings)
    on_disk = 2 * len(heads) * mean_entries * len(texts)
    return Estimate(
        seconds=_stages(config, measured, len(heads), texts, record.causal),
        memory=_memory(config, loaded, on_disk),
        disk=1.2 * on_disk + 0.1 * GIB,
    )


def _search_seconds(data: list[TextAttention], config: Config) -> float:
    """Seconds of a small search per head and training text."""
    train = [text for text in data if text.split == "train"]
    validation = [text for text in data if text.split == "validation"]
    settings = replace(
        config.synthesis, sizes=(), shared=(), transfer_texts=0, sample_texts=len(train), fit_texts=len(train)
    )

    def search(heads: int, terms: int) -> None:
        chosen = list(range(heads))
        parts = [[text.of_heads(chosen) for text in some] for some in (train, validation)]
        with redirect_stderr(io.StringIO()):  # no progress bars
            Search(SearchData(parts[0], parts[1], replace(settings, max_terms=terms), best_device())).run()

    search(1, 2)  # compiles its inner loops, if no earlier run did
    heads = len(data[0].entries)
    return _seconds(lambda: search(heads, settings.max_terms)) / (heads * len(train))


def passes(config: Config, heads: int, splits: Mapping[Split, int], causal: bool) -> dict[str, float]:
    """Texts that run through the model, by stage; a backward pass counts as two.

    Args:
        config: The settings.
        heads: Number of heads that are explained.
        splits: Number of texts by split.
        causal: Whether the model is causal, so that questions can be asked.
    """
    replacement, distillation, evaluation = config.replacement, config.distillation, config.evaluation
    rounds = 3 * replacement.fisher_texts * replacement.fisher_samples * replacement.iterative_fisher_rounds
    draws = 4 * replacement.joint_ablation_draws * replacement.joint_ablation_texts
    choice = 15 * (replacement.choice_texts or splits["validation"] // 2)
    tested = min(replacement.texts or splits["test"], splits["test"]) * replacement.windows
    effects, controls = config.effects, config.controls
    compared = min(controls.texts or splits["test"], splits["test"]) * len(controls.percents)
    refits = len(controls.fitted) * controls.fitted_draws * (sum(controls.steps) + controls.layer_steps)
    return {
        "attention": sum(splits.values()),
        "ablation": heads * min(replacement.ablation_texts, splits["train"]) / 2 + rounds + draws + choice,
        "effects": len(effects.replaced_by) * heads * min(effects.texts, splits["test"]) / 2,
        "distil": 3 * distillation.batch_texts * (sum(distillation.steps) + distillation.layer_steps),
        "replace": tested * (len(replacement.percents) + 4 * len(replacement.comparison_percents)),
        "controls": compared * (5 + 6 * controls.draws) + 6 * distillation.batch_texts * refits,
        "evaluate": len(evaluation.tasks) * len(evaluation.percents) * evaluation.limit if causal else 0,
    }


def _stages(config: Config, measured: Measured, heads: int, texts: list[Text], causal: bool) -> dict[str, float]:
    splits: dict[Split, int] = {split: sum(text.split == split for text in texts) for split in get_args(Split)}
    searched = measured.search * heads * min(config.synthesis.sample_texts, splits["train"])
    counts = passes(config, heads, splits, causal)
    seconds = {name: SHARES[name] * count * measured.text + measured.load for name, count in counts.items()}
    seconds |= {name: share * searched for name, share in OF_SEARCH.items()} | FIXED
    before = ("attention", "search", "synthesize", "score", "select", "categories", "analyse")
    after = ("ablation", "effects", "distil", "replace", "controls", "evaluate", "report")
    return {name: seconds[name] for name in (*before, *after)}


def _memory(config: Config, loaded: LoadedModel, patterns: float) -> float:
    model, tokens = loaded.model, config.attention.max_tokens
    weights = sum(parameter.numel() * parameter.element_size() for parameter in model.parameters())
    logits = 4.0 * tokens * len(model.get_input_embeddings().weight)
    whole = max(1, LOGITS_BYTES // int(logits))  # texts of a pass, whose logits are bounded
    batches = {
        "evaluate": 6 * config.evaluation.batch_size if config.evaluation.tasks and loaded.record.causal else 0,
        "ablation": max(3 * min(config.replacement.batch_texts, whole), 6 * min(FISHER_TEXTS, whole)),
        "distil": 4 * config.distillation.batch_texts,
    }
    running = 1.5 * weights + logits * max(batches.values()) + config.distillation.memory_mib * 2**20
    return STARTING + max(running, min(3 * patterns, 6.0 * config.synthesis.memory_mib * 2**20))


def _seconds(work: Callable[[], object]) -> float:
    start = time.monotonic()
    work()
    return time.monotonic() - start


def _time(seconds: float) -> str:
    """A length of time as people say it.

    >>> _time(8), _time(100), _time(4000)
    ('8 s', '2 min', '1.1 h')
    """
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"
