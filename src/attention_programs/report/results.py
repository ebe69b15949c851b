"""Reading the result tables, and the names that people read instead of their keys."""

from pathlib import Path

import pandas as pd

from attention_programs.errors import UserError
from attention_programs.files import read_csv
from attention_programs.renamed import current_file

METHODS = {
    "selected": "Selected program",
    "search": "Best of search",
    "curated": "Best of curated",
    "llm": "Best of language model",
    "imported": "Best of imported",
    "first_self": "First token and self, fitted",
    "first_token": "First token",
    "previous_token": "Previous token",
    "self_token": "Token itself",
    "uniform": "Uniform",
    "random_token": "Random token in each row",
    "random_column": "Random column",
}
"""Every method of ``heads.csv`` and ``iou.csv``, in the order of tables and figures."""
BASELINES = tuple(method for method in METHODS if method not in ("selected", "search", "curated", "llm", "imported"))
"""Methods that know nothing of a head, or no more than how much it attends to the first token and to itself."""
PROGRAMS = {
    "distilled": "Distilled programs",
    "selected": "Selected programs",
    "first_token": "First token",
    "uniform": "Uniform",
}
"""What replaces heads in ``perplexity.csv``; distilled ones are the selected with other constants."""
ALL_CORPORA = "all"

_INTERVAL = ("low", "high")
_COLUMNS = {
    "heads.csv": (
        *("head", "method", "program_id", "program_name", "author", "iou_validation", "iou_test"),
        *("iou_test_low", "iou_test_high", "sink_excluded_iou_test", "jsd_test"),
    ),
    "iou.csv": ("method", "corpus", "metric", "mean", *_INTERVAL),
    "variants.csv": (
        "variant",
        "corpus",
        "programs",
        "terms",
        "iou_validation",
        "iou",
        *_INTERVAL,
        "sink_excluded_iou",
    ),
    "lengths.csv": ("method", "tokens", "texts", "iou", *_INTERVAL, "sink_excluded_iou"),
    "behaviour.csv": ("head", "distance", "entropy"),
    "damage.csv": ("head", "damage", "standard_error", "texts", "reliability"),
    "order_choice.csv": ("order", "percent", "tokens", "increase_validation", "chosen"),
    "distillation.csv": ("matched", "percent", "step", "training", "validation"),
    "objectives.csv": ("objective", "percent", "iou_test"),
    "perplexity.csv": (
        *("programs", "order", "percent", "heads_replaced", "texts", "tokens", "perplexity", "increase"),
        *_INTERVAL,
        *("above", "above_low", "above_high"),
    ),
    "sources.csv": (
        *("source", "programs", "heads_intended", "share_best", "coverage"),
        *("iou_test", "iou_test_low", "iou_test_high", "beats_search", "beats_curated"),
        *("iou_test_intended", "iou_test_best_of_source", "iou_test_best_of_all", "share_intended_is_best"),
        *("iou_test_of_search", "terms_best_of_source", "terms_of_search"),
    ),
    "equal_size.csv": (
        *("head", "terms_by_hand", "terms_of_search", "terms_equal_size"),
        *("iou_by_hand", "iou_of_search", "iou_equal_size"),
    ),
    "explainer.csv": (
        *("head", "programs", "kept_round", "jsd_first", "jsd_kept", "iou_first", "iou_kept", "iou_fitted"),
        *("constants", "prompt_tokens", "reply_tokens", "cost"),
    ),
    "qa.csv": (
        *("task", "percent", "heads_replaced", "questions", "sources", "accuracy", *_INTERVAL, "chance"),
        *("change", "change_low", "change_high", "insensitive"),
    ),
}
_STAGES = {
    "heads.csv": "select",
    "iou.csv": "select",
    "sources.csv": "select",
    "explainer.csv": "synthesize",
    "variants.csv": "examine",
    "lengths.csv": "examine",
    "behaviour.csv": "examine",
    "equal_size.csv": "examine",
    "damage.csv": "damage",
    "order_choice.csv": "damage",
    "distillation.csv": "distil",
    "objectives.csv": "distil",
    "perplexity.csv": "replace",
    "qa.csv": "evaluate",
}
_NAMES = {
    "head",
    "method",
    "program_id",
    "program_name",
    "author",
    "corpus",
    "metric",
    "programs",
    "order",
    "task",
    "objective",
    "variant",
    "matched",
    "source",
}
_COUNTS = {("variants.csv", "programs"), ("sources.csv", "programs"), ("explainer.csv", "programs")}
"""Columns that hold numbers here and names in another table."""


def read_table(results: Path, name: str) -> pd.DataFrame:
    """Reads one table of ``results/<profile>``.

    Args:
        results: The folder.
        name: The file, such as ``heads.csv``.

    Raises:
        UserError: if it is missing or lacks a column; the stage to run is named.
    """
    path = results / name
    remedy = f"run `dvc repro {_STAGES[name]}`"
    if not current_file(path).is_file():
        raise UserError(f"{path} does not exist; {remedy}")
    table = read_csv(path)
    missing = [column for column in _COLUMNS[name] if column not in table]
    if missing:
        raise UserError(f"{path} has no column {missing[0]!r}; {remedy}")
    for column in table:
        named = column in _NAMES and (name, column) not in _COUNTS
        table[column] = table[column].fillna("").astype(str) if named else table[column].astype(float)
    return table


def read_if_there(results: Path, name: str) -> pd.DataFrame:
    """Reads a table that not every profile has; empty, with its columns, if it is missing.

    Raises:
        UserError: if it lacks a column; the stage to run is named.
    """
    there = current_file(results / name).is_file()
    return read_table(results, name) if there else pd.DataFrame(columns=list(_COLUMNS[name]))
