"""What has to be installed: the core for a notebook, an extra for the rest; what is missing is named in one line."""

import ast
import builtins
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from attention_programs import cli
from attention_programs.cli.app import EXTRAS
from conftest import ROOT
from imported_code import executed, reached

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SOURCE = ROOT / "src" / "attention_programs"
MODULES = {"huggingface-hub": "huggingface_hub", "ruamel.yaml": "ruamel", "pyyaml": "yaml", "lm-eval": "lm_eval",
           "scikit-learn": "sklearn"}  # fmt: skip
"""Modules of packages that are called otherwise."""
PARTS = {"pydantic": {"pydantic_core"}}
"""What a package is divided into, and says to import from."""
WHEN_ASKED = {"datasets", "matplotlib"}
"""What the public names import only for corpora of the hub, and for a plot; both say what to install."""


def modules(requirements: Iterable[str]) -> set[str]:
    names = {requirement.split(">")[0].split("=")[0] for requirement in requirements}
    return {MODULES.get(name, name) for name in names}.union(*(PARTS.get(name, set()) for name in names))


def imported(files: Iterable[Path]) -> set[str]:
    """Modules of others that files import, at their top or inside a function."""
    found = set()
    for file in files:
        for node in executed(ast.parse(file.read_text(encoding="utf-8"))):
            names = [node.module] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            found |= {name.split(".")[0] for name in filter(None, names)}
    return found - set(sys.stdlib_module_names) - {"attention_programs"}


def test_a_notebook_needs_the_core_alone() -> None:
    files = {file for name in (SOURCE / "api").glob("*.py") for file in {name, *reached(name)}}
    assert imported(files) - modules(PROJECT["dependencies"]) == WHEN_ASKED


def test_every_module_is_in_the_core_or_in_the_extra_that_the_command_line_names() -> None:
    core, extras = modules(PROJECT["dependencies"]), PROJECT["optional-dependencies"]
    for name in imported(SOURCE.rglob("*.py")) - core:
        assert name in modules(extras[EXTRAS[name]]), name


def test_a_missing_extra_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    known = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.startswith("attention_programs.tracking"):
            raise ModuleNotFoundError("No module named 'mlflow'", name="mlflow")
        return known(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    assert cli.main(["publish"]) == 2
    assert capsys.readouterr().err == "error: mlflow is not installed; install attention-programs[pipeline]\n"
