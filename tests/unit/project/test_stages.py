"""Stages rerun when the code that they import changes: their ``dvc.yaml`` names all of it."""

from pathlib import Path

import pytest
import yaml

from conftest import ROOT
from imported_code import PACKAGE, reached

PIPELINES = ("dvc.yaml", "comparison/dvc.yaml")
STAGES = {
    name: stage
    for pipeline in PIPELINES
    for name, stage in yaml.safe_load((ROOT / pipeline).read_text(encoding="utf-8"))["stages"].items()
}


def covered(stage: str, file: Path) -> bool:
    named = [ROOT / dependency for dependency in STAGES[stage]["deps"]]
    return any(file == path or path in file.parents for path in named)


@pytest.mark.parametrize("stage", sorted(STAGES))
def test_a_stage_names_all_code_that_it_imports(stage: str) -> None:
    script = ROOT / "pipelines" / f"{stage}.py"
    missing = [path for path in {script, *reached(script)} if not covered(stage, path)]
    assert sorted(str(path.relative_to(ROOT)) for path in missing) == []


@pytest.mark.parametrize("stage", sorted(STAGES))
def test_a_stage_names_no_code_that_it_does_not_import(stage: str) -> None:
    files = reached(ROOT / "pipelines" / f"{stage}.py")
    for dependency in STAGES[stage]["deps"]:
        path = ROOT / dependency
        if dependency.startswith("src/"):
            assert path.exists(), dependency
            assert any(file == path or path in file.parents for file in files), dependency


def test_imports_are_followed_into_functions_and_packages() -> None:
    files = reached(ROOT / "pipelines" / "model.py")
    names = {str(path.relative_to(ROOT / "src" / PACKAGE)) for path in files}
    assert {"__init__.py", "config/__init__.py", "config/whole.py", "surrogate/intervention.py"} <= names
    assert "cli/app.py" not in names
