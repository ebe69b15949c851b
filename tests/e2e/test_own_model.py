"""One command explains a model of the hub: here up to its attention patterns, as the later stages are in test_smoke."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from attention_programs.attention.pattern_store import read_index
from attention_programs.files import read_csv, read_yaml
from conftest import ROOT, tiny_model
from hub_stand_in import Repository, hub_of

COMMIT = "0123456789" * 4
TAKEN = (
    "conf", "corpora", "library", "pipelines", "src", ".dvc/config", ".dvcignore", ".gitignore", "dvc.yaml",
    "params.yaml", "dvc.lock",
)  # fmt: skip
SCRIPT = """
import sys
from pathlib import Path
from attention_programs.errors import UserError
from attention_programs.project.own_profile import Wanted
from attention_programs.project.preparation import prepare
from attention_programs.project.reproduction import run_stages
prepare(Wanted("owner/tiny", tokens=24, profile="smoke"), Path(), Path())
run_stages(Path(), ["attention"])
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    for name in TAKEN:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile
        copy(ROOT / name, root / name)
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    return root


@pytest.mark.slow
def test_a_model_of_the_hub_is_prepared_and_read(project: Path, tmp_path: Path) -> None:
    llama = tiny_model("llama")
    llama.model.save_pretrained(tmp_path / "repository")
    llama.tokenizer.save_pretrained(tmp_path / "repository")
    repository = Repository(tmp_path / "repository", COMMIT)
    offline = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE")
    environment = {name: value for name, value in os.environ.items() if name not in offline}
    environment |= {"HF_HOME": str(tmp_path / "cache"), "PYTHONPATH": str(ROOT / "src")}
    with hub_of({"models/owner/tiny": repository}) as address:
        run = subprocess.run(
            [sys.executable, "-c", SCRIPT], cwd=project, env=environment | {"HF_ENDPOINT": address},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert read_yaml(project / "conf/model/tiny.yaml")["revision"] == COMMIT
    assert read_yaml(project / "params.yaml")["profile"] == "tiny-smoke-24-tokens"
    assert json.loads((project / "models/tiny/model.json").read_text(encoding="utf-8"))["location"] == "owner/tiny"
    index = read_index(project / "data/tiny-smoke-24-tokens/attention")
    assert (index.max_tokens, index.heads) == (24, ["L0H0"])
    said = [line for line in run.stderr.splitlines() if line.startswith(("profile", "left out", "estimate"))]
    assert said[0].startswith("profile tiny-smoke-24-tokens: settings in conf/profile/tiny-smoke-24-tokens.yaml")
    assert sum(line.startswith("left out") for line in said) == 3
    assert "on this machine, perhaps half or twice that" in said[-2]
    assert {path.name for path in (project / "results").iterdir()} == {"tiny-smoke-24-tokens"}
    seeds_are_compared(project)


def seeds_are_compared(project: Path) -> None:
    before = {path: path.read_bytes() for path in (project / "params.yaml", project / "dvc.lock")}
    command = [
        sys.executable,
        "-m",
        "attention_programs.cli",
        "seeds",
        "--profile",
        "tiny-smoke-24-tokens",
        "--count",
        "2",
    ]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    run = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    table = read_csv(project / "results" / "seeds.csv")
    assert table["seed"].tolist() == [0, 1]
    assert table["heads"].tolist() == [1, 1]
    assert (table["selected_iou_low"] <= table["selected_iou"]).all() or table["selected_iou_low"].isna().all()
    assert table["selected_iou"].nunique() == 2, "another split gives another number"
    assert {path: path.read_bytes() for path in before} == before
    assert not (project / "data" / "seeds").exists()
