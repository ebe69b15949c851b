"""The main numbers as a flat dictionary, and the table that compares them with the paper's."""

import math
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from attention_programs.files import records
from attention_programs.programs.methods import BASELINES, DISTILLED, FIRST_TOKEN, SEARCH, SELECTED
from attention_programs.report import paper
from attention_programs.report.analysis_fits import SHARED, enough, family, fit_of
from attention_programs.report.estimate import ABSENT, Estimate, entry, percent_text
from attention_programs.report.evidence_summary import summarise_evidence
from attention_programs.report.result_tables import read_if_there, read_table
from attention_programs.surrogate.gate import read_gate
from attention_programs.surrogate.rankings import BEST_FIT, RANKINGS

IOU_THRESHOLDS = (0.5, 0.75)
"""Test IoU above which heads are counted."""
TERMINAL_WIDTH = 110


def summarise(results: Path) -> dict[str, float]:
    """Builds the content of ``summary.json`` from the result tables.

    Returns:
        Numbers by flat key; keys with a 95 % interval also have ``.../low`` and ``.../high``.

    Raises:
        UserError: if a table is missing; the message names the stage to run.
    """
    heads = read_table(results, "heads.csv")
    return {
        **summarise_fit(results),
        **_cost(read_table(results, "perplexity.csv"), heads),
        **summarise_corpora(results),
        **_effects(read_table(results, "ablation_effect.csv")),
        **_gate(results / "gate.json"),
        **_objectives(read_table(results, "objectives.csv")),
        **_answers(read_table(results, "qa.csv")),
        **summarise_evidence(results),
    }


def summarise_fit(results: Path) -> dict[str, float]:
    """The part of the summary that is known before any head is replaced: how well programs fit.

    Raises:
        UserError: if a table is missing; the message names the stage to run.
    """
    return {
        **_fit(read_table(results, "iou.csv")),
        **_heads(read_table(results, "heads.csv")),
        **_analyses(read_if_there(results, "analyses.csv")),
        **_lengths(read_if_there(results, "lengths.csv")),
    }


def _fit(table: pd.DataFrame) -> dict[str, float]:
    found: dict[str, float] = {}
    for row in records(table):
        found |= entry(f"{row.metric}/test/{row.corpus}/{row.method}", row.mean, row.low, row.high)
    return found


def _heads(table: pd.DataFrame) -> dict[str, float]:
    selected = table[table["method"] == SELECTED]
    found = {
        f"heads/above_{threshold:g}/selected": float((selected["iou_test"] > threshold).mean())
        for threshold in IOU_THRESHOLDS
        if len(selected)
    }
    found["heads/selected"] = float(len(selected))
    return found | {"programs/distinct/selected": float(selected["program_id"].nunique())}


def _cost(table: pd.DataFrame, heads: pd.DataFrame) -> dict[str, float]:
    """Perplexity of every curve; if ``selected`` equals ``search`` for every head, its curve appears under both."""
    chosen = {method: list(rows.sort_values("head")["program_id"]) for method, rows in heads.groupby("method")}
    same = SELECTED in chosen and chosen[SELECTED] == chosen.get(SEARCH)
    found: dict[str, float] = {}
    for row in records(table.sort_values("percent", kind="stable")):
        found.setdefault("perplexity/test/original", row.perplexity / (1 + row.increase / 100))
        for programs in (SELECTED, SEARCH) if same and row.programs == SELECTED else (row.programs,):
            key = f"perplexity_increase/test/{programs}/{row.ranking}/{row.percent:g}"
            found |= entry(key, row.increase, row.low, row.high)
            if math.isfinite(row.above) and row.percent:
                key = f"perplexity_above_distilled/test/{programs}/{row.ranking}/{row.percent:g}"
                found |= entry(key, row.above, row.above_low, row.above_high)
        found |= {"perplexity/test/texts": float(row.texts), "perplexity/test/tokens": float(row.tokens)}
    return found


def summarise_corpora(results: Path) -> dict[str, float]:
    """Perplexity of distilled programs by corpus; nothing if there is only one."""
    found: dict[str, float] = {}
    table = read_if_there(results, "perplexity_corpora.csv")
    for row in records(table[table["programs"] == DISTILLED]):
        key = f"perplexity_increase_on_{row.corpus}/test/{row.programs}/{row.ranking}/{row.percent:g}"
        found |= entry(key, row.increase, row.low, row.high)
    return found


def _effects(table: pd.DataFrame) -> dict[str, float]:
    if table.empty:
        return {}
    texts, reliability = table[["texts", "reliability"]].iloc[0]
    known = {"effects/rank_reliability": float(reliability)} if math.isfinite(reliability) else {}
    return {"effects/texts": float(texts)} | known


def _gate(path: Path) -> dict[str, float]:
    gate = read_gate(path)
    found = {"gate/validation/texts": float(gate.texts), "gate/validation/tokens": float(gate.tokens)}
    return found | entry("gate/validation/perplexity_increase", gate.increase, gate.low, gate.high)


def _objectives(table: pd.DataFrame) -> dict[str, float]:
    return {f"objective/{row.objective}/{row.percent:g}/iou_test": row.iou_test for row in records(table)}


def _answers(table: pd.DataFrame) -> dict[str, float]:
    found: dict[str, float] = {}
    for row in records(table):
        found |= entry(f"qa/{row.task}/{row.percent:g}", row.accuracy, row.low, row.high)
        if row.percent and not math.isnan(row.change):
            found |= entry(f"qa_change/{row.task}/{row.percent:g}", row.change, row.change_low, row.change_high)
            found[f"qa_insensitive/{row.task}"] = row.insensitive
        found[f"qa_questions/{row.task}"] = row.questions
        found[f"qa_sources/{row.task}"] = row.sources
    return found


def _analyses(table: pd.DataFrame) -> dict[str, float]:
    found: dict[str, float] = {}
    for row in records(table):
        found |= entry(f"analysis/{row.analysis}/{row.corpus}/iou", row.iou, row.low, row.high)
        found |= {f"analysis/{row.analysis}/programs": row.programs, f"analysis/{row.analysis}/terms": row.terms}
    shared, own = family(table, SHARED), fit_of(table, SELECTED)
    if shared and own is not None:
        found["sharing/programs_for_95_percent"] = float(enough(shared, own).programs)
    return found


def _lengths(table: pd.DataFrame) -> dict[str, float]:
    found: dict[str, float] = {}
    for row in records(table):
        key = f"length/{row.tokens:g}/{row.method}"
        found |= entry(f"{key}/iou", row.iou, row.low, row.high)
        found[f"{key}/sink_excluded_iou"] = row.sink_excluded_iou
    return found


def estimate_of(summary: Mapping[str, float], key: str) -> Estimate:
    """A number of the summary with its interval; NaN if it was not measured.

    >>> estimate_of({"a": 2.0, "a/low": 1.0, "a/high": 3.0}, "a")
    Estimate(value=2.0, low=1.0, high=3.0)
    """
    return Estimate(*(summary.get(name, math.nan) for name in (key, f"{key}/low", f"{key}/high")))


def mean_fit(summary: Mapping[str, float], method: str, corpus: str = "all", metric: str = "iou") -> Estimate:
    """Mean over heads of a method's fit to the attention of test texts.

    >>> mean_fit({"iou/test/all/selected": 0.6}, "selected").value
    0.6
    """
    return estimate_of(summary, f"{metric}/test/{corpus}/{method}")


@dataclass(frozen=True)
class SummaryRow:
    """One metric as text: this run's number, and the paper's in the order of ``paper.MODELS``."""

    label: str
    ours: str
    papers: tuple[str, ...]


@dataclass(frozen=True)
class SummaryGroup:
    """Metrics that belong together."""

    title: str
    rows: tuple[SummaryRow, ...]


OF_DISTILLED = f"perplexity_increase/test/{DISTILLED}/"


def distilled_ranking(summary: Mapping[str, float]) -> str:
    """The ranking chosen on validation texts, the only one with distilled coefficients; empty if not measured.

    >>> distilled_ranking({"perplexity_increase/test/distilled/joint_ablation/25": 7.8})
    'joint_ablation'
    """
    return next((key.removeprefix(OF_DISTILLED).split("/")[0] for key in summary if key.startswith(OF_DISTILLED)), "")


def summary_groups(summary: Mapping[str, float]) -> list[SummaryGroup]:
    """The summary table shown in the terminal and on the page."""
    nothing = (ABSENT,) * len(paper.MODELS)
    fits = (
        ("selected programs", mean_fit(summary, SELECTED), tuple(f"{model.mean_iou:.3f}" for model in paper.MODELS)),
        ("the same without the first column", mean_fit(summary, SELECTED, metric="sink_excluded_iou"), nothing),
        (f"{BASELINES[FIRST_TOKEN].label.lower()} alone, all heads", mean_fit(summary, FIRST_TOKEN), nothing),
    )
    means = tuple(SummaryRow(label, fit.text(), papers) for label, fit, papers in fits)
    groups = [SummaryGroup("Mean IoU over heads", means)]
    for ranking, named in RANKINGS.items():
        rows = []
        # The distilled programs' perplexity stands for a ranking where it was measured.
        distilled = any(key.startswith(f"{OF_DISTILLED}{ranking}/") for key in summary)
        programs = DISTILLED if distilled else SELECTED
        for rank, percent in enumerate(paper.PERCENTS):
            increase = estimate_of(summary, f"perplexity_increase/test/{programs}/{ranking}/{percent}")
            if increase.measured or ranking == BEST_FIT:
                published = tuple(f"{model.increases[rank]:,.0f} %" for model in paper.MODELS)
                papers = published if ranking == BEST_FIT else nothing
                rows.append(SummaryRow(f"{percent} % of heads replaced", percent_text(increase), papers))
        if rows:
            groups.append(SummaryGroup(f"Perplexity increase, {programs} programs, {named.label}", tuple(rows)))
    return groups


def format_summary(summary: Mapping[str, float], model_name: str) -> str:
    """The summary table for the terminal: this run's numbers with 95 % intervals next to the paper's."""
    groups = summary_groups(summary)
    names = [model.name for model in paper.MODELS]
    rows = [row for group in groups for row in group.rows]
    label = max(len(row.label) for row in rows) + 4
    ours = max(len(model_name), *(len(row.ours) for row in rows)) + 2
    widths = [max(len(name), 7) + 2 for name in names]

    def line(first: str, second: str, others: tuple[str, ...] | list[str]) -> str:
        cells = "".join(other.rjust(width) for other, width in zip(others, widths, strict=True))
        return f"{first:<{label}}{second:<{ours}}{cells}".rstrip()

    lines = [line("", model_name, names)]
    for group in groups:
        lines += ["", group.title, *(line(f"  {row.label}", row.ours, row.papers) for row in group.rows)]
    shares = f"Percentages are of the {summary.get('heads/selected', 0):,.0f} heads selected in this run."
    notes = (shares, f"Test texts, 95 % intervals in brackets; {ABSENT} means not measured.", *paper.NOTES)
    lines += ["", *(wrapped for note in notes for wrapped in textwrap.wrap(note, TERMINAL_WIDTH))]
    return "\n".join(lines) + "\n"
