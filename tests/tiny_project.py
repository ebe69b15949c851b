"""A copy of the repository with a tiny random model and small settings, and what its stages make of it."""

import importlib
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from attention_programs.attention.pattern_store import read_index
from attention_programs.config import Config, load_config
from attention_programs.files import write_jsonl, write_text
from attention_programs.llm.call_log import read_calls
from attention_programs.paths import Paths
from attention_programs.tracking.publish import Published, publish
from attention_programs.untrusted.vetting import Candidate, write_candidates
from cases import program
from conftest import ROOT, tiny_model

STAGES = ("model", "corpora", "attention", "search", "synthesize", "score", "select", "categories", "analyse",
          "ablation", "effects", "distil", "replace", "controls", "evaluate", "report")  # fmt: skip
TAKEN = (
    "conf", "corpora", "library", "pipelines", "src", ".dvc/config", ".dvc/.gitignore", ".dvcignore", ".gitignore",
    "dvc.yaml", "pyproject.toml", "requirements.lock",
)  # fmt: skip
CHANGES: dict[str, dict[str, Any]] = {
    "corpora": {"limit": 6},
    "attention": {"max_tokens": 28, "heads": "every 3", "shard_texts": 8},
    "synthesis": {"max_terms": 3, "fine_tune_steps": 5, "sizes": [2], "shared": [2], "transfer_texts": 2},
    "explainer": {"heads": ["L0H0", "L0H3"], "texts": 4, "fit_evaluations": 20, "fit_texts": 2},
    "scoring": {"bootstrap_samples": 100, "lengths": [8, 16], "length_texts": 4},
    "replacement": {
        "percents": [0, 25, 50, 100],
        "comparison_percents": [0, 25, 100],
        "ablation_texts": 4,
        "choice_texts": 4,
        "texts": 0,
        "fisher_texts": 3,
        "fisher_samples": 2,
        "iterative_fisher_rounds": 2,
        "joint_ablation_draws": 4,
        "joint_ablation_texts": 2,
    },
    "categories": {"texts": 4, "clusters": [2, 3], "splits": 5},
    "effects": {"texts": 3, "mean_texts": 3},
    "controls": {
        "percents": [25, 100],
        "draws": 2,
        "texts": 4,
        "steps": [1, 1],
        "layer_steps": 1,
        "fitted": ["correct", "permuted_over_model"],
    },
    "distillation": {"steps": [2, 3], "layer_steps": 2, "batch_texts": 2, "percents": [25, 100], "check_every": 2},
    "evaluation": {
        "limit": 4,
        "percents": [0, 25, 100],
        "controls": ["permuted_over_model"],
        "control_percents": [100],
    },
    "report": {"example_heads": 2},
}


BY_HAND = "text.softmax(" + " + ".join(f"{n}.0 * text.offset({n})" for n in range(1, 6)) + ")"
"""A program of five terms for one head."""
UNTRUSTED = {
    "mine": "np.eye(text.n) + 0.3 * np.tri(text.n)",
    "peeks": "np.eye(text.n) * text.n + text.uniform",
    "fails": "1 / len(())",
}
"""Programs of unknown origin: one that is good, one that looks ahead, one that fails."""


def make_copy(root: Path) -> Path:
    """The repository with a tiny model and small settings instead of its own."""
    for name in TAKEN:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            shutil.copyfile(ROOT / name, root / name)
    llama = tiny_model("llama")
    llama.model.save_pretrained(root / "tiny")
    llama.tokenizer.save_pretrained(root / "tiny")
    folder = root / "library/curated/tiny-llama"
    write_text(folder / "L2H1.py", program(BY_HAND))
    write_text(folder / "L2H1.md", "What does L2H1 do?")
    imported = [
        Candidate(name, program(expression), "Does it.", "imported", "view", "program", [])
        for name, expression in UNTRUSTED.items()
    ]
    write_candidates(root / "library/imported/theirs.jsonl", imported)
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params |= {"profile": "tiny", "threads": 1}
    params["model"] = {"name": "tiny-llama", "source": "folder", "location": "tiny", "watched": "tiny"}
    for group, values in CHANGES.items():
        params[group] |= values
    (root / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    return root


def run_stage(root: Path, stage: str) -> None:
    """In this process, and from another working directory: no stage may rely on it."""
    paths = Paths.of(settings(root), root)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT))
        if stage == "synthesize":
            record_for_the_tiny_model(paths)
        importlib.import_module(f"pipelines.{stage}").main(settings(root), paths)


def run_stages(root: Path) -> None:
    for stage in STAGES:
        run_stage(root, stage)


def record_for_the_tiny_model(paths: Paths) -> None:
    """Gives the shipped exchanges of two heads to heads of the tiny model: what was asked and answered stays."""
    target = read_index(paths.attention).weights_sha256
    (shipped,) = (paths.root / "library/exchanges").glob("*.jsonl")
    answered = [call for call in read_calls(shipped) if call.status == "answered"]
    heads = dict(zip(dict.fromkeys(e.request.head for e in answered), ("L0H0", "L0H3"), strict=False))
    rows = [
        replace(call, request=replace(call.request, head=heads[call.request.head], target=target)).to_json()
        for call in answered
        if call.request.head in heads
    ]
    write_jsonl(shipped, rows)


def settings(root: Path) -> Config:
    return load_config(root / "params.yaml")


def publish_at(root: Path) -> Published:
    return publish(settings(root), Paths.of(settings(root), root), root)


def made(root: Path) -> dict[str, bytes]:
    folders = ("models", "data", "results", "reports")
    return {
        str(path.relative_to(root)): path.read_bytes()
        for folder in folders
        for path in (root / folder).rglob("*")
        if path.is_file()
    }
