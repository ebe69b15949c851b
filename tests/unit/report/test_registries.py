"""The names of rankings, sources and baselines are defined in one place each."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pandas as pd
import pytest

from attention_programs.programs.methods import AUTHORS, BASELINE, METHODS, REPLACED_BY, SOURCES, Author, method_of
from attention_programs.programs.vocabulary import PATTERNS
from attention_programs.report.figures.style import PALETTE
from attention_programs.scoring.attention_shares import PLACES
from attention_programs.surrogate.rankings import RANKINGS
from conftest import ROOT

SRC = ROOT / "src" / "attention_programs"
REGISTRIES = (SRC / "programs" / "methods.py", SRC / "surrogate" / "rankings.py")
OTHERS = sorted(set(SRC.rglob("*.py")) - set(REGISTRIES)) + sorted((ROOT / "pipelines").glob("*.py"))
RESULTS = sorted(path.parent.name for path in (ROOT / "results").glob("*/summary.json"))
"""Profiles with committed results."""
KEYS = {
    "rankings": set(RANKINGS),
    "sources": set(SOURCES),
    "methods": {BASELINE, *METHODS} - set(PATTERNS),  # some baselines are words of the vocabulary, which has its lists
}
LABELS = {
    *(ranking.label for ranking in RANKINGS.values()),
    *(ranking.short for ranking in RANKINGS.values()),
    *(ranking.heads for ranking in RANKINGS.values()),
    *(source.label for source in SOURCES.values()),
    *(method.label for method in (METHODS | REPLACED_BY).values()),
}


def listed(tree: ast.AST) -> Iterator[tuple[int, set[str]]]:
    """The texts of each list, tuple, set and dict of a file, with its line."""
    for node in ast.walk(tree):
        parts = node.keys if isinstance(node, ast.Dict) else getattr(node, "elts", [])
        texts = {part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)}
        yield getattr(node, "lineno", 0), texts


@pytest.mark.parametrize("file", OTHERS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_other_file_lists_keys_or_labels(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for line, texts in listed(tree):
        for name, keys in KEYS.items():
            assert len(texts & keys) < 2, f"line {line} lists {texts & keys}; take them from the registry of {name}"
    words = {node.value: node.lineno for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    found = LABELS & {word for word in words if isinstance(word, str)}
    assert not found, f"line {words[next(iter(found))]} spells a label; take it from its registry"


def test_the_check_finds_a_list_of_keys() -> None:
    ((_, texts),) = [each for each in listed(ast.parse('rankings = {"iou": 1, "joint_ablation": 2}')) if each[1]]
    assert texts <= KEYS["rankings"]


def test_every_author_but_a_baseline_is_a_source_with_a_method_of_its_own() -> None:
    assert {*AUTHORS, BASELINE} == set(get_args(Author))


def test_labels_are_distinct_and_colours_are_of_the_palette() -> None:
    for registry in (METHODS, REPLACED_BY, SOURCES, RANKINGS):
        assert len({entry.label for entry in registry.values()}) == len(registry)
    assert {method.color for method in (METHODS | REPLACED_BY).values()} <= set(PALETTE)


def keys_of(table: pd.DataFrame, column: str) -> set[str]:
    return set(table[column].astype(str)) if column in table else set()


@pytest.mark.parametrize("profile", RESULTS)
def test_every_key_of_the_committed_results_has_a_label(profile: str) -> None:
    tables = {path.name: pd.read_csv(path) for path in (ROOT / "results" / profile).glob("*.csv")}
    assert tables
    for name, table in tables.items():
        assert all(method_of(key).label for key in keys_of(table, "method")), name
        assert keys_of(table, "ranking") <= set(RANKINGS), name
        assert keys_of(table, "source") <= set(SOURCES), name
        assert keys_of(table, "author") <= set(get_args(Author)), name
    assert keys_of(tables["perplexity.csv"], "programs") <= set(REPLACED_BY)
    assert set(tables["rankings.csv"].columns) == {"head", *RANKINGS}
    assert set(tables["behaviour.csv"].columns) <= {"head", "distance", "entropy", *PLACES}


@pytest.mark.parametrize("module", ["report.summary", "report.markdown", "tracking.model_registry", "report.targets"])
def test_what_only_reads_tables_does_not_import_torch(module: str) -> None:
    code = f"import sys, attention_programs.{module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
