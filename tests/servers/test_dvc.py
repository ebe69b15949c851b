"""Data pushed to an S3 store, and pulled by somebody else, who has nothing left to run."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from team_servers import DATA_BUCKET, TeamServers

from conftest import ROOT, tiny_model
from shared_data import dvc, git, push_and_pull

STAGES = ("model", "corpora", "attention")
TAKEN = (
    "conf", "corpora", "library", "pipelines", "src", ".dvc/config", ".dvc/.gitignore", ".dvcignore", ".gitignore",
    "dvc.yaml", "params.yaml",
)  # fmt: skip
SCRIPT = """
from pathlib import Path
from attention_programs.project.own_profile import Wanted
from attention_programs.project.preparation import prepare
from attention_programs.project.reproduction import run_stages
prepare(Wanted("tiny", tokens=24, profile="smoke"), Path(), Path())
run_stages(Path(), ["attention"])
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a tiny model whose attention patterns were computed."""
    root = tmp_path / "project"
    for name in TAKEN:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile
        copy(ROOT / name, root / name)
    llama = tiny_model("llama")
    llama.model.save_pretrained(root / "tiny")
    llama.tokenizer.save_pretrained(root / "tiny")
    git(root, "init", "--quiet")
    subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=root, check=True, env=os.environ | {"PYTHONPATH": str(root / "src")}
    )
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "Results")
    return root


@pytest.mark.parametrize("patterns", [True, False], ids=["with patterns", "without patterns"])
def test_a_clone_that_pulls_from_s3_has_nothing_to_run(
    project: Path, tmp_path: Path, servers: TeamServers, monkeypatch: pytest.MonkeyPatch, patterns: bool
) -> None:
    for name, value in servers.s3_environment.items():
        monkeypatch.setenv(name, value)
    clone, folder = tmp_path / "clone", "with" if patterns else "without"
    push_and_pull(project, f"s3://{DATA_BUCKET}/{folder}", clone, patterns, STAGES, endpointurl=servers.s3_address)
    said = dvc(clone, "repro", "attention", *([] if patterns else ["--allow-missing"]))
    assert re.findall("Stage '([a-z]+)' didn't change, skipping", said) == list(STAGES), said
    assert "Running stage" not in said
    (of_project,) = (project / "data").iterdir()
    sizes = [path.stat().st_size for path in (of_project / "attention").iterdir()]
    stored = [size for key, size in servers.stored(DATA_BUCKET).items() if key.startswith(f"{folder}/")]
    assert [size in stored for size in sizes] == [patterns] * len(sizes)
    assert (clone / "data" / of_project.name / "attention").exists() == patterns
    assert servers.s3_secret not in "".join(
        path.read_text(encoding="utf-8") for path in (project / ".dvc").iterdir() if path.is_file()
    )
