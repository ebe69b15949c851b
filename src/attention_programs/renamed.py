"""Names that have changed since the last release: the old ones are read for one more release, with a warning."""

import copy
import sys
import warnings
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attention_programs.errors import UserError

if TYPE_CHECKING:  # not every command needs tables
    import pandas as pd

PARAMS: Mapping[str, str] = {
    "synthesis.exchanges": "synthesis.swap_rounds",
    "synthesis.polish_steps": "synthesis.fine_tune_steps",
    "synthesis.polish_rate": "synthesis.fine_tune_rate",
    "synthesis.domain_texts": "synthesis.transfer_texts",
    "synthesis.max_refused": "synthesis.max_rejected",
    "explainer.exchanges": "explainer.call_log",
    "explainer.form": "explainer.format",
    "explainer.most_weights": "explainer.max_weights",
    "explainer.reply_tokens": "explainer.max_completion_tokens",
    "explainer.reply_tokens_name": "explainer.max_completion_tokens_name",
    "explainer.most_tokens": "explainer.max_tokens",
    "explainer.most_cost": "explainer.max_cost",
    "replacement.few_percents": "replacement.comparison_percents",
    "replacement.damage_texts": "replacement.ablation_texts",
    "replacement.greedy_rounds": "replacement.iterative_fisher_rounds",
    "replacement.together_draws": "replacement.joint_ablation_draws",
    "replacement.together_texts": "replacement.joint_ablation_texts",
}
"""Keys of ``params.yaml``, dotted: old to new, which may be in another group."""
FILES: Mapping[str, str] = {
    "damage.csv": "ablation_effect.csv",
    "orders.csv": "rankings.csv",
    "order_choice.csv": "ranking_choice.csv",
    "variants.csv": "analyses.csv",
}
"""Tables of ``results/``."""
COLUMNS: Mapping[str, Mapping[str, str]] = {
    "ablation_effect.csv": {"damage": "ablation_effect"},
    "rankings.csv": {
        "damage": "ablation_effect",
        "greedy": "iterative_fisher",
        "together": "joint_ablation",
    },
    "ranking_choice.csv": {"order": "ranking"},
    "perplexity.csv": {"order": "ranking"},
    "analyses.csv": {"variant": "analysis"},
    "distillation.csv": {"matched": "loss"},
    "explainer.csv": {
        "constants": "coefficients",
        "reply_tokens": "completion_tokens",
    },
    "sources.csv": {"share_best": "wins_on"},
    "behaviour.csv": {"second_sink": "secondary_sink"},
}
"""Columns of these tables, by the table's new name."""
VALUES: Mapping[str, str] = {
    "order": "ranking",
    "damage": "ablation_effect",
    "greedy": "iterative_fisher",
    "together": "joint_ablation",
    "verified": "prefix_only",
    "looks ahead": "looks_ahead",
}
"""Values in a surrogate's file: its ranking, and whether a program is prefix-only."""
FIELDS: Mapping[str, str] = {"causal": "prefix_test", "form": "format"}
"""Fields of programs in files."""
OPTIONS: Mapping[str, str] = {
    "--form": "--format",
    "--reply-tokens": "--max-completion-tokens",
    "--reply-tokens-name": "--max-completion-tokens-name",
    "--most-tokens": "--max-tokens",
    "--most-cost": "--max-cost",
    "--method first_self": "sink_self",
}
"""Words on the command line: a command (``orders``), an option (``--most-cost``), or a value or subcommand together
with the word before it (``--by damage``). The new name is the word alone (``effect``)."""


def _warn(old: str, new: str, place: str) -> None:
    words = f"{place}: {old} is now called {new}; the old name is read for one more release"
    warnings.warn(words, FutureWarning, stacklevel=3)


@contextmanager
def warned_in_a_line() -> Iterator[None]:
    """Prints warnings to standard error, one line each and without the code that raised them."""
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_, **__: print(f"warning: {message}", file=sys.stderr)
        yield


def _both(old: str, new: str, place: str) -> UserError:
    return UserError(f"{place}: {old} is now called {new}, but both exist; remove {old}")


def current_params(values: Mapping[Any, Any], place: str, renamed: Mapping[str, str] = PARAMS) -> dict[Any, Any]:
    """Nested settings with the current keys.

    Raises:
        UserError: if a key is present under both names.
    """
    current = copy.deepcopy(dict(values))
    for old, new in renamed.items():
        *groups, name = old.split(".")
        *new_groups, new_name = new.split(".")
        group: Any = current
        for each in groups:
            group = group.get(each) if isinstance(group, dict) else None
        if not isinstance(group, dict) or name not in group:
            continue
        new_group = current
        for each in new_groups:
            new_group = new_group.setdefault(each, {})
        if new_name in new_group:
            raise _both(old, new, place)
        new_group[new_name] = group.pop(name)
        _warn(old, new, place)
    return current


def current_fields(row: Mapping[str, Any], place: str, renamed: Mapping[str, str] = FIELDS) -> dict[str, Any]:
    """A program's record with the current field names.

    Raises:
        UserError: if a field is present under both names.
    """
    names = _names(row, place, renamed)
    return {names.get(name, name): value for name, value in row.items()}


def current_file(path: Path, renamed: Mapping[str, str] = FILES) -> Path:
    """Where the table now called ``path`` is, possibly under its old name.

    Raises:
        UserError: if it is present under both names.
    """
    for old in (path.with_name(old) for old, new in renamed.items() if new == path.name):
        if old.is_file():
            if path.is_file():
                raise _both(old.name, path.name, str(path.parent))
            _warn(old.name, path.name, str(path.parent))
            return old
    return path


def current_columns(
    table: "pd.DataFrame", path: Path, renamed: Mapping[str, Mapping[str, str]] = COLUMNS
) -> "pd.DataFrame":
    """The table now called ``path``, with the current column names.

    Raises:
        UserError: if a column is present under both names.
    """
    return table.rename(columns=_names(table, str(path), renamed.get(path.name, {}), "column "))


def _names(given: Container[str], place: str, renamed: Mapping[str, str], kind: str = "") -> dict[str, str]:
    """The old names that are in use, with the new ones."""
    names = {old: new for old, new in renamed.items() if old in given}
    for old, new in names.items():
        if new in given:
            raise _both(f"{kind}{old}", new, place)
        _warn(f"{kind}{old}", new, place)
    return names


def current_words(words: Sequence[str], renamed: Mapping[str, str] = OPTIONS) -> list[str]:
    """A command line with the current names.

    Raises:
        UserError: if an option is present under both names.
    """
    current: list[str] = []
    command = ""
    for word in words:
        before = current[-1] if current else ""
        name, equals, value = word.partition("=") if word.startswith("-") else (word, "", "")
        if word.startswith("-"):
            new = renamed.get(name, name)
            if new != name and any(other.split("=")[0] == new for other in words):
                raise _both(name, new, "command line")
            new += equals + renamed.get(f"{new} {value}", value)
        elif command or before.startswith("-"):
            new = renamed.get(f"{before} {word}", word)
        else:
            new = command = renamed.get(word, word)
        if new != word:
            _warn(word, new, "command line")
        current.append(new)
    return current
