"""Every key in the committed results has a label; a column of unknown keys is reported."""

from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd
import pytest

from attention_programs.categories.kinds import CATEGORIES
from attention_programs.comparison.settings import ALL_MODELS, read_settings
from attention_programs.evaluation.paper_tasks import PAPER_TASKS
from attention_programs.evaluation.shipped_tasks import SHIPPED_TASKS
from attention_programs.evidence.conditions import BY_ATTENTION, BY_PREDICTIONS, CONDITIONS
from attention_programs.evidence.predictors import EFFECTS, PREDICTORS
from attention_programs.files import read_csv
from attention_programs.models.head import Head
from attention_programs.programs.methods import FITTED_AT
from attention_programs.programs.vocabulary import PATTERNS, TOKEN_FEATURES
from attention_programs.report.analysis_fits import SHARED, TERMS, TRANSFER_FROM
from attention_programs.report.argument import METHODS
from attention_programs.report.cost_sections import KINDS
from attention_programs.report.effect_sections import REPLACEMENTS
from attention_programs.surrogate.distillation import LAYERS, PREDICTIONS
from attention_programs.surrogate.rankings import RANKINGS
from conftest import ROOT

TABLES = sorted(ROOT.glob("results/*/*.csv"))
CORPORA = ("all", "stories", "code", "mathematics", "wikipedia")
SOURCES = ("search", "curated", "llm", "llm_written", "llm_fitted", "imported")
KEYS: dict[str, Iterable[str]] = {
    "method": METHODS,
    "ranking": RANKINGS,
    "programs": (*METHODS, "distilled"),
    "task": (*SHIPPED_TASKS, *PAPER_TASKS),
    "source": SOURCES,
    "author": (*SOURCES, "baseline"),
    "corpus": CORPORA,
    "metric": ("iou", "sink_excluded_iou", "jsd"),
    "objective": KINDS,
    "loss": (LAYERS, PREDICTIONS),
    "analysis": METHODS,
    "condition": CONDITIONS,
    "fitted_to": (BY_ATTENTION, BY_PREDICTIONS),
    **dict.fromkeys(("category", "besides_sink"), CATEGORIES),
    "replaced_by": REPLACEMENTS,
    "effect": EFFECTS,
    "predictor": PREDICTORS,
    **dict.fromkeys(("library", "heads_of", "programs_of", "found_on"), (*read_settings(ROOT).profiles, ALL_MODELS)),
}
FREE = {"description", "program_id", "program_name", "text", "train_text", "split"}
"""Columns of any text."""
ANALYSES: dict[str, Callable[[str], bool]] = {
    TERMS: str.isdigit,
    SHARED: str.isdigit,
    TRANSFER_FROM: CORPORA.__contains__,
    FITTED_AT.removesuffix("/"): str.isdigit,
}
"""Families of variants, with what their members may be."""


def unknown_keys(table: pd.DataFrame) -> set[str]:
    """Keys, as ``column: key``, that nothing gives a label to."""
    found = set()
    for column in table.select_dtypes(["object", "string"]).columns.difference(list(FREE)):
        known = set(KEYS.get(column, ()))
        for key in table[column].dropna().astype(str).unique():
            family, _, member = key.partition("/")
            is_variant = column in ("analysis", "method") and family in ANALYSES and ANALYSES[family](member)
            is_head = column in ("head", "found_for") and str(Head.parse(key)) == key
            if not (key in known or is_variant or is_head):
                found.add(f"{column}: {key}")
    return found


@pytest.mark.parametrize("path", TABLES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_key_of_the_results_has_a_label(path: Path) -> None:
    assert unknown_keys(read_csv(path)) == set()


def test_an_unknown_key_or_column_is_found() -> None:
    table = pd.DataFrame({"ranking": ["iou", "luck"], "mood": ["good", "bad"], "analysis": ["terms/3", "terms/x"]})
    assert unknown_keys(table) == {"ranking: luck", "mood: good", "mood: bad", "analysis: terms/x"}


@pytest.mark.parametrize("path", sorted(ROOT.glob("results/*/behaviour.csv")), ids=lambda path: path.parent.name)
def test_where_attention_goes_is_reported_in_terms_of_the_vocabulary(path: Path) -> None:
    for name in read_csv(path).columns.difference(["head", "distance", "entropy"]):
        term = PATTERNS.get(name) or TOKEN_FEATURES.get(name)
        assert term, name
        assert term.phrase


@pytest.mark.parametrize("path", sorted(ROOT.glob("results/*/rankings.csv")), ids=lambda path: path.parent.name)
def test_rankings_of_heads_are_those_with_labels(path: Path) -> None:
    assert list(read_csv(path).columns) == ["head", *RANKINGS]
    assert all(ranking.label and ranking.short and ranking.heads for ranking in RANKINGS.values())
