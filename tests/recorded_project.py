"""A small project with a lock file and a history."""

import subprocess
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from attention_programs.files import write_json, write_text
from attention_programs.tracking.lineage import dvc_hash
from conftest import ROOT

FILES = {
    "corpora/a.jsonl": '{"text": "Once."}\n',
    "src/code.py": "print(1)\n",
    "src/package/one.py": "print(1)\n",
    "data/smollm2-135m/texts.jsonl": "{}\n",
    "results/smollm2-135m/iou.csv": "method,mean\nselected,0.5\n",
    "results/smollm2-135m/figures/fit.png": "a picture",
    "results/bench.json": "{}\n",
    "requirements.lock": "torch==2\n",
}


def git(root: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True)


def lock(root: Path) -> dict[str, Any]:
    """What DVC would record of two stages."""

    def entries(*paths: str) -> list[dict[str, str]]:
        return [{"path": path, "hash": "md5", "md5": dvc_hash(root / path)} for path in paths]

    data, results = "data/smollm2-135m/texts.jsonl", "results/smollm2-135m"
    corpora = {
        "cmd": "python -m pipelines.corpora",
        "deps": entries("corpora", "src/code.py"),
        "params": {"params.yaml": {"seed": 0}},
        "outs": entries(data),
    }
    report = {
        "cmd": "python -m pipelines.report",
        "deps": entries(data, "src/package"),
        "outs": entries(f"{results}/iou.csv", f"{results}/figures"),
    }
    gone = {"cmd": "python -m pipelines.gone", "outs": entries("results/bench.json")}
    return {"schema": "2.0", "stages": {"corpora": corpora, "gone": gone, "report": report}}


def write_yaml(path: Path, values: Any) -> None:
    with path.open("w", encoding="utf-8") as stream:
        YAML().dump(values, stream)


def make_recorded_project(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        write_text(tmp_path / name, content)
    write_text(tmp_path / "params.yaml", (ROOT / "params.yaml").read_text(encoding="utf-8"))
    write_text(tmp_path / ".gitignore", "data\n")
    write_json(tmp_path / "results/smollm2-135m/summary.json", {"iou/test/all/selected": 0.5, "heads/selected": 1.0})
    write_yaml(tmp_path / "dvc.yaml", {"stages": {"corpora": {}, "report": {}}})
    write_yaml(tmp_path / "dvc.lock", lock(tmp_path))
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "--message", "First results")
    return tmp_path
