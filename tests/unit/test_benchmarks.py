"""Benchmarks run by hand only; that their modules import is tested, so that a renamed function does not break them."""

import importlib
from pathlib import Path

import pytest

from conftest import ROOT


@pytest.mark.parametrize("path", sorted((ROOT / "benchmarks").glob("bench_*.py")), ids=lambda path: path.stem)
def test_the_module_imports_and_has_a_summary(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT)
    module = importlib.import_module(f"benchmarks.{path.stem}")
    assert callable(module.summary)
    assert any(name.startswith("bench_") for name in vars(module))
