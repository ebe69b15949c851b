"""All stages on narrow random models with the head layouts of the paper's models: seconds, memory and disk of each.

Run by ``python -m benchmarks.head_layouts FOLDER``, which needs an hour on two cores and is no part of ``make bench``.
FOLDER holds models, texts and projects; finished stages in it are not run again. Results go to ``results/sizes.json``.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from attention_programs.attention.packing import Packing, sampled_rows
from attention_programs.config import load_config
from attention_programs.corpora.text import read_texts
from attention_programs.files import read_json, write_json, write_jsonl, write_text
from attention_programs.paths import project_root
from attention_programs.programs.features import candidate_features
from attention_programs.project.folder import make_project
from attention_programs.project.reproduction import compose
from attention_programs.project.requirements_estimate import passes
from benchmarks.report import machine

TOKENS, TEXTS, HEAD_SIZE, WORDS, THREADS = 256, 12, 8, 4096, 1
SPLITS = ("train", "validation", "test")
CORPORA = ("stories", "code", "mathematics")
STAGES = (
    "model corpora attention search synthesize score select analyse ablation distil replace evaluate report"
).split()
FEW: Mapping[str, Any] = {
    "threads": THREADS,
    "attention": {"max_tokens": TOKENS},
    "synthesis": {"sizes": [], "shared": [10], "transfer_texts": 0},
    "scoring": {"lengths": [], "length_texts": 0, "bootstrap_samples": 100},
    "replacement": {
        "percents": [0, 100],
        "comparison_percents": [],
        "windows": 1,
        "ablation_texts": 1,
        "fisher_texts": 8,
        "fisher_samples": 1,
        "iterative_fisher_rounds": 1,
        "joint_ablation_draws": 4,
        "choice_texts": 2,
    },
    "distillation": {"percents": [25, 100], "steps": [1, 1], "layer_steps": 1, "check_texts": 1},
    "tracking": {"gate_percent": 100},
    "evaluation": {"tasks": ["verb_agreement"], "percents": [0, 100], "limit": 4},
}
"""Settings that differ from the default: as few repetitions as possible, of batches as large as ever."""


@dataclass(frozen=True)
class Layout:
    """How many heads a model has."""

    layers: int
    heads: int
    """Of a layer."""
    key_value_heads: int


LAYOUTS = {"llama-3.2-3b": Layout(28, 24, 8), "tinyllama-1.1b": Layout(22, 32, 4)}


def passages(name: str) -> list[str]:
    """The shipped texts of a corpus, joined to texts that are longer than needed."""
    lines = (project_root(Path.cwd()) / "corpora" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    found, text = [], ""
    for line in lines:
        text += json.loads(line)["text"] + "\n\n"
        if len(text) > 6 * TOKENS:
            found.append(text.strip())
            text = ""
    return found[: TEXTS // len(CORPORA)]


def make_tokenizer() -> Any:
    """A byte-level tokenizer of few words, learned from the texts."""
    core = Tokenizer(models.BPE())
    core.pre_tokenizer, core.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=WORDS,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator([text for name in CORPORA for text in passages(name)], trainer)
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=core, **dict.fromkeys(("bos_token", "eos_token", "pad_token"), "<|endoftext|>")
    )


def make_model(layout: Layout, folder: Path) -> None:
    """Writes a model of narrow heads with random weights, large enough that heads don't all attend alike."""
    torch.manual_seed(0)
    width, tokenizer = layout.heads * HEAD_SIZE, make_tokenizer()
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=layout.layers,
        num_attention_heads=layout.heads,
        num_key_value_heads=layout.key_value_heads,
        initializer_range=0.2,
        bos_token_id=0,
        eos_token_id=0,
        pad_token_id=0,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def prepare(name: str, folder: Path) -> Path:
    """Makes the model, the texts and a project for them, and returns the project's folder."""
    project, model = folder / name, folder / f"{name}-model"
    if not model.is_dir():
        make_model(LAYOUTS[name], model)
    if not project.is_dir():
        make_project(project)
    for corpus in CORPORA:
        write_jsonl(project / "corpora" / f"{corpus}.jsonl", [{"text": text} for text in passages(corpus)])
    choice = {"name": name, "source": "folder", "location": str(model), "watched": str(model)}
    write_json(project / "conf" / "model" / "narrow.yaml", choice)
    defaults = [{"override /model": "narrow"}, {"override /explainer": "none"}]
    write_text(
        project / "conf" / "profile" / "narrow.yaml",
        "# @package _global_\n" + json.dumps({"defaults": defaults, "profile": "narrow", **FEW}),
    )
    compose("narrow", project / "params.yaml", project)
    return project


@dataclass(frozen=True)
class Used:
    """What a stage used, in a process of its own."""

    seconds: float
    """Of the clock, while other programs ran, too."""
    processor_seconds: float
    """Of all its processes."""
    peak_mib: int
    """Most memory of one of its processes."""


def run(project: Path, stage: str) -> Used:
    """Runs a stage and measures it."""
    start = time.monotonic()
    with (project / f"{stage}.log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", f"pipelines.{stage}"], cwd=project, stdout=log, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(
            f"stage {stage} ended with {os.waitstatus_to_exitcode(status)}; see {project / f'{stage}.log'}"
        )
    cpu = usage.ru_utime + usage.ru_stime
    return Used(round(time.monotonic() - start, 1), round(cpu, 1), round(usage.ru_maxrss / 1024))


def mebibytes(folder: Path) -> float:
    """The size of all files below a folder."""
    return round(sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20, 1)


def counted(project: Path, profile: str, heads: int) -> dict[str, Any]:
    """How much work a profile is: texts through the model by stage, and entries that the search reads."""
    params = project / ".cache" / f"{profile}.yaml"
    params.parent.mkdir(exist_ok=True)
    compose(profile, params, project)
    config = load_config(params)
    kept = project / "data" / profile / "texts.jsonl"
    if kept.is_file():
        texts = read_texts(kept)
        splits = {split: sum(text.split == split for text in texts) for split in SPLITS}
    else:
        total, corpora = sum(source.rows[1] - source.rows[0] for source in config.corpora.sources), config.corpora
        later = {"validation": round(total * corpora.validation_share), "test": round(total * corpora.test_share)}
        splits = {"train": total - sum(later.values()), **later}
    entries = Packing(TOKENS, True, sampled_rows(TOKENS, config.attention.max_rows)).entries
    within = config.synthesis.memory_mib * 2**20 // (2 * (heads + len(candidate_features(True, False))))
    return {
        "texts": splits,
        "passes": {stage: round(count) for stage, count in passes(config, heads, splits, True).items()},
        "entries_of_a_text": entries,
        "entries_searched": min(entries * min(splits["train"], config.synthesis.sample_texts), within),
        "search_mib": config.synthesis.memory_mib,
        "score_mib": config.scoring.memory_mib,
    }


def main() -> None:
    """Runs what was not run before and writes what all runs measured."""
    folder, root = Path(sys.argv[1]).absolute(), project_root(Path.cwd())
    found: dict[str, Any] = {}
    for name, layout in LAYOUTS.items():
        project = prepare(name, folder)
        measured = project / "measured.json"
        stages: dict[str, Any] = read_json(measured) if measured.is_file() else {}
        for stage in STAGES:
            if stage not in stages:
                stages[stage] = asdict(run(project, stage))
                write_json(measured, stages)
        patterns = mebibytes(project / "data" / "narrow" / "attention")
        found[name] = {**asdict(layout), "stages": stages, "patterns_mib": patterns}
        for kind, profile in (("narrow", "narrow"), ("real", name)):
            found[name][kind] = counted(project, profile, layout.layers * layout.heads)
        found[name]["other_data_mib"] = round(mebibytes(project / "data") - patterns, 1)
    size = {"tokens": TOKENS, "texts": TEXTS, "head_size": HEAD_SIZE, "vocabulary": WORDS, "threads": THREADS}
    write_json(root / "results" / "sizes.json", {"machine": machine(THREADS), **size, "settings": FEW, "models": found})


if __name__ == "__main__":
    main()
