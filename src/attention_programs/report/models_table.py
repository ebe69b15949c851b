"""``results/models.csv``: the main numbers of several models and the paper's, from committed results alone."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

import pandas as pd

from attention_programs.files import read_csv, read_json, read_yaml, records
from attention_programs.models.head import Head
from attention_programs.programs.methods import DISTILLED, FIRST_TOKEN, FITTED_SINK_SELF, SELECTED, UNIFORM
from attention_programs.report import paper
from attention_programs.report.estimate import Estimate
from attention_programs.report.result_tables import ALL_CORPORA, read_if_there, read_table
from attention_programs.surrogate.rankings import ALONE, BEST_FIT

NAME = "models.csv"
PAPER = "paper"
"""The origin of the paper's models; that of the others is this project."""
HERE = "here"
PERCENTS = (25, 50, 100)
"""Percentages of heads replaced."""
METHODS = (SELECTED, FITTED_SINK_SELF, FIRST_TOKEN, UNIFORM)
"""Methods whose fit is compared."""


@dataclass(frozen=True)
class Measured:
    """One row: a number of one model."""

    model: str
    """Its profile, or its name in the paper."""
    origin: str
    measure: str
    """What was measured: ``heads``, ``parameters``, ``iou``, ``perplexity_increase`` ..."""
    method: str = ""
    """Of whose programs or which baseline; with a ranking of heads after a slash where that matters."""
    at: float = 0
    """Text length in tokens, or percentage of heads replaced; 0 for measures without either."""
    value: float = math.nan
    low: float = math.nan
    high: float = math.nan


def models_table(results: Path, profiles: Sequence[str], parameters: Mapping[str, int]) -> pd.DataFrame:
    """All numbers of some profiles and of the paper's models.

    Args:
        results: The folder with a folder of tables for each profile.
        profiles: Names of the profiles.
        parameters: Numbers of parameters by profile, where they are known.

    Raises:
        UserError: if a profile's table is missing; the message names the stage to run.
    """
    rows = [row for name in profiles for row in _own_rows(name, results / name, parameters.get(name, math.nan))]
    rows += [row for model in paper.MODELS for row in _paper_rows(model)]
    columns = list(Measured.__dataclass_fields__)
    return pd.DataFrame([astuple(row) for row in rows], columns=columns)


def _own_rows(name: str, results: Path, parameters: float) -> Iterator[Measured]:
    def row(measure: str, value: float, method: str = "", at: float = 0, *bounds: float) -> Measured:
        return Measured(name, HERE, measure, method, at, value, *bounds)

    heads = read_table(results, "heads.csv")
    names = {Head.parse(head) for head in heads["head"]}
    layers, per_layer = 1 + max(head.layer for head in names), 1 + max(head.index for head in names)
    if layers * per_layer == len(names):  # otherwise only some heads were explained, and the model may have more
        yield row("layers", layers)
        yield row("heads_per_layer", per_layer)
    yield row("heads", len(names))
    yield row("parameters", parameters)
    yield row("tokens", _tokens(results / "dvc.lock"))
    if (results / "corpora.json").is_file():
        yield row("texts", sum(corpus["test"] for corpus in read_json(results / "corpora.json").values()))
    fits = read_table(results, "iou.csv")
    for measure in ("iou", "sink_excluded_iou"):
        for fit in records(fits[(fits["metric"] == measure) & (fits["corpus"] == ALL_CORPORA)]):
            if fit.method in METHODS:
                yield row(measure, fit.mean, fit.method, 0, fit.low, fit.high)
    for fit in records(read_if_there(results, "lengths.csv")):
        if fit.method in METHODS:
            yield row("iou_at_length", fit.iou, fit.method, fit.tokens, fit.low, fit.high)
    costs = read_table(results, "perplexity.csv")
    for cost in records(costs[costs["percent"].isin(PERCENTS)]):
        if method := _curve(cost.programs, cost.ranking):
            yield row("perplexity_increase", cost.increase, method, cost.percent, cost.low, cost.high)
    behaviour = read_if_there(results, "behaviour.csv")
    if len(behaviour):
        yield row("first_token_share", float(behaviour[FIRST_TOKEN].mean()))


def _curve(programs: str, ranking: str) -> str:
    """The name of a curve of ``perplexity.csv`` in the table; empty for those that are left out."""
    if programs == DISTILLED:
        return DISTILLED
    kept = {(SELECTED, BEST_FIT), (FIRST_TOKEN, ALONE), (UNIFORM, ALONE)}
    return f"{programs}/{ranking}" if (programs, ranking) in kept else ""


def _tokens(lock: Path) -> float:
    """The maximum number of tokens of a text in the recorded run; NaN if it is not known."""
    if not lock.is_file():
        return math.nan
    stage = read_yaml(lock)["stages"].get("attention", {})
    return float(stage.get("params", {}).get("params.yaml", {}).get("attention", {}).get("max_tokens", math.nan))


def _paper_rows(model: paper.PaperModel) -> Iterator[Measured]:
    yield Measured(model.name, PAPER, "heads", value=model.heads)
    yield Measured(model.name, PAPER, "iou", SELECTED, value=model.mean_iou)
    for percent, increase in zip(paper.PERCENTS, model.increases, strict=True):
        if percent in PERCENTS:
            yield Measured(
                model.name, PAPER, "perplexity_increase", f"{SELECTED}/{BEST_FIT}", at=percent, value=increase
            )


@dataclass(frozen=True)
class Models:
    """The table as read back."""

    table: pd.DataFrame

    @classmethod
    def read(cls, results: Path) -> "Models":
        """Reads ``results/models.csv``; an empty table if it does not exist.

        Raises:
            UserError: if it is malformed.
        """
        path = results / NAME
        table = read_csv(path) if path.is_file() else pd.DataFrame(columns=list(Measured.__dataclass_fields__))
        return cls(table.assign(method=table["method"].fillna("").astype(str)))

    def names(self, origin: str) -> list[str]:
        """The models of this project or of the paper, in the order of the table."""
        return list(dict.fromkeys(self.table[self.table["origin"] == origin]["model"].astype(str)))

    def places(self, measure: str) -> list[float]:
        """The lengths or percentages at which something was measured, ascending."""
        return sorted({float(at) for at in self.table[self.table["measure"] == measure]["at"]})

    def estimate(self, model: str, measure: str, method: str = "", at: float = 0) -> Estimate:
        """A number with its interval; NaN if it was not measured."""
        wanted = {"model": model, "measure": measure, "method": method, "at": at}
        rows = self.table
        for column, value in wanted.items():
            rows = rows[rows[column] == value]
        found = [float(rows.iloc[0][key]) for key in ("value", "low", "high")] if len(rows) else [math.nan]
        return Estimate(*found)
