"""A small project with a tiny random model, as ``dvc repro`` leaves it, and processes that publish it."""

import os
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from attention_programs.config import load_config
from attention_programs.corpora.text import read_texts, write_texts
from attention_programs.files import write_csv, write_json, write_text
from attention_programs.models.head import Head
from attention_programs.models.model_record import weights_hash, write_record
from attention_programs.paths import Paths
from attention_programs.programs.methods import DISTILLED
from attention_programs.programs.record import ProgramRecord, make_record, write_programs
from attention_programs.surrogate.gate import GateMeasurement, write_gate
from attention_programs.surrogate.intervention import pattern_cache
from attention_programs.surrogate.loss_meter import LossMeter
from attention_programs.surrogate.recorded_losses import record_losses
from attention_programs.surrogate.replacement import Curve, measure_curves
from attention_programs.surrogate.specification import SurrogateSpecification, write_specification
from attention_programs.surrogate.windows import cut
from attention_programs.tracking.lineage import dvc_hash
from attention_programs.tracking.publish import Published, publish
from builders import heads_table, save_model, texts_from
from conftest import SENTENCES, tiny_model

PARAMS: dict[str, Any] = {
    "profile": "tiny-llama",
    "model": {"name": "tiny-llama", "source": "folder", "location": "tests"},
    "corpora": {
        "name": "two",
        "sources": [
            {"name": "stories", "source": "file", "location": "corpora/stories.jsonl"},
            {"name": "code", "source": "file", "location": "corpora/code.jsonl"},
        ],
    },
    "attention": {"max_tokens": 24},
    "synthesis": {"max_terms": 3},
    "explainer": {},
    "sandbox": {},
    "scoring": {},
    "replacement": {"percents": [0, 25, 100]},
    "distillation": {},
    "evaluation": {"name": "shipped", "percents": [0, 25]},
    "tracking": {"gate_percent": 25, "gate_increase": 15.0},
    "report": {},
    "reproducibility": {},
}
SOURCES = {
    "previous_token": (
        "curated",
        "Looks at the token before.",
        "text.previous_token",
        {"file": "library/curated/x.py"},
    ),
    "search L0H1": (
        "search",
        "Looks at the first token.",
        "text.first_token",
        {"prompt": "Explain."},
    ),
    "search L1H2": ("search", "Looks at itself.", "2 * text.self_token + text.first_token", {"seed": 0}),
}
SELECTED = {"L0H0": "previous_token", "L0H1": "search L0H1", "L1H2": "search L1H2", "L2H3": "previous_token"}


def make_programs() -> list[ProgramRecord]:
    def source(description: str, sum_of_terms: str) -> str:
        return f'def program(text):\n    """{description}"""\n    return {sum_of_terms}\n'

    return [
        make_record(source(description, terms), name, author, "prefix_only", [], provenance)  # type: ignore[arg-type]
        for name, (author, description, terms, provenance) in SOURCES.items()
    ]


def write_results(paths: Paths, programs: list[ProgramRecord], increase: float) -> None:
    random = np.random.default_rng(0)
    by_name = {program.name: program for program in programs}
    chosen = {head: by_name[name] for head, name in SELECTED.items()}
    tables = [heads_table(method, chosen, iou_test=random.random(len(chosen))) for method in ("selected", "uniform")]
    table = pd.concat(tables).assign(iou_test_stories=0.5)
    write_csv(paths.results / "heads.csv", table)
    curve = [
        {"programs": kind, "ranking": ranking, "percent": percent, "heads_replaced": percent * 12 // 100, "tokens": 99}
        | {"perplexity": 20.0 * (1 + rise / 100), "increase": rise, "low": rise - 1, "high": rise + 1}
        for kind, ranking in [("distilled", "ablation_effect"), ("selected", "iou"), ("uniform", "iou")]
        for percent, rise in [(0, 0.0), (25, increase if ranking == "ablation_effect" else 3 * increase), (100, 300.0)]
    ]
    write_csv(paths.results / "perplexity.csv", pd.DataFrame(curve))
    numbers = {"questions": 50, "accuracy": 0.6, "low": 0.5, "high": 0.7, "chance": 0.25}
    tasks = [{"task": "story_continuation", "percent": p, "heads_replaced": p * 12 // 100} | numbers for p in (0, 25)]
    write_csv(paths.results / "qa.csv", pd.DataFrame(tasks))
    held = GateMeasurement(25, 40, 2520, increase - 1, increase - 2, increase)
    write_gate(paths.results / "gate.json", held)
    write_json(paths.results / "synthesis.json", {"sandbox": "strong"})
    write_json(paths.results / "scoring.json", {"sandbox": "not used"})
    write_json(paths.results / "summary.json", {"iou/test/all/selected": 0.61, "heads/above_0.5/selected": 0.75})


def lock(root: Path, name: str = "tiny-llama") -> None:
    """Writes ``dvc.lock`` for what lies there, as ``dvc repro`` would."""
    outputs = {
        "model": [f"models/{name}"],
        "corpora": [f"data/{name}/texts.jsonl"],
        "attention": [f"data/{name}/attention"],
        "programs": [f"data/{name}/programs.jsonl"],
        "replace": [f"data/{name}/surrogate.json", f"results/{name}"],
        "report": [f"reports/{name}"],
        "of another profile": ["library"],
    }
    stages = {
        name: {"outs": [{"path": path, "hash": "md5", "md5": dvc_hash(root / path)} for path in paths]}
        for name, paths in outputs.items()
    }
    stages["attention"]["params"] = {"params.yaml": {"attention": {"max_tokens": 24}, "model.name": name}}  # type: ignore[assignment]
    write_text(root / "dvc.yaml", yaml.safe_dump({"stages": {key: {} for key in stages}}))
    stages["renamed"] = {"deps": [{"path": f"data/{name}/texts.jsonl", "md5": "0" * 32}], **stages["corpora"]}  # type: ignore[dict-item]
    write_text(root / "dvc.lock", yaml.safe_dump({"schema": "2.0", "stages": stages}))


def write_params(root: Path, **changes: Any) -> None:
    write_text(root / "params.yaml", yaml.safe_dump(PARAMS | changes))


def make_repository(root: Path, increase: float = 8.0) -> Path:
    """A repository as ``dvc repro`` leaves it."""
    write_params(root)
    for name in ("dvc.yaml", "library/a.py", "data/tiny-llama/attention/index.json", "reports/tiny-llama/report.html"):
        write_text(root / name, "{}\n")
    write_text(root / "requirements.lock", "mlflow==3.17.2\n")
    paths = Paths.of(load_config(root / "params.yaml"), root)
    (paths.report / "figures").mkdir()
    (paths.report / "figures/heads.png").write_bytes(b"\x89PNG")
    llama = tiny_model("llama")
    save_model(llama, paths.model)
    weights = weights_hash(paths.model)
    write_record(paths.model, replace(llama.record, weights_sha256=weights))
    write_texts(paths.texts, texts_from(SENTENCES))
    programs = make_programs()
    write_programs(paths.programs, programs)
    by_name = {program.name: program for program in programs}
    replaced = {head: by_name[name] for head, name in list(SELECTED.items())[:3]}
    texts = read_texts(paths.texts)
    windows = cut(llama, texts, 24, 2)
    point = Curve(DISTILLED, "ablation_effect", {25: {Head.parse(head): program for head, program in replaced.items()}})
    measured = measure_curves(LossMeter(llama, windows, 4, pattern_cache(llama)), [point])
    specification = SurrogateSpecification(
        profile="tiny-llama",
        model="tiny-llama",
        weights_sha256=weights,
        causal=True,
        ranking="ablation_effect",
        percent=25,
        max_tokens=24,
        heads={head: program.id for head, program in replaced.items()},
        programs={program.id: program for program in replaced.values()},
        recorded=record_losses(texts, windows, measured, 25, "float32"),
    )
    write_specification(paths.data / "surrogate.json", specification)
    write_results(paths, programs, increase)
    lock(root)
    return root


def publish_at(root: Path) -> Published:
    config = load_config(root / "params.yaml")
    return publish(config, Paths.of(config, root), root)


def start(work: Callable[[], object]) -> int:
    """Runs ``work`` in a process of its own, which ends at once afterwards; returns its id."""
    process = os.fork()
    if process == 0:
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return process


def exit_code(process: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
