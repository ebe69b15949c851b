"""The docs' tables as Markdown, generated from summaries; a test keeps the pages up to date."""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from attention_programs.programs.methods import BASELINES, FITTED_SINK_SELF, METHODS, REPLACED_BY, SELECTED
from attention_programs.report import paper
from attention_programs.report.analysis_fits import SHARED, TERMS
from attention_programs.report.estimate import ABSENT, percent_text
from attention_programs.report.result_tables import read_if_there, read_table
from attention_programs.report.source_sections import (
    explainer_counts,
    explainer_section,
    intended_section,
    sources_section,
)
from attention_programs.report.summary import estimate_of, mean_fit
from attention_programs.surrogate.rankings import BEST_FIT, RANKINGS

TIMED = {"search": "the search", "distillation": "a step of distillation"}
GROWTH = ("heads", "texts", "tokens", "terms")


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table with labels in the first column and numbers in the others."""
    line = "| " + " | ".join(head) + " |"
    ruler = "|---" + "|---:" * (len(head) - 1) + "|"
    return [line, ruler, *("| " + " | ".join(row) + " |" for row in rows)]


def _parts(summary: Mapping[str, float], prefix: str) -> list[str]:
    keys = (key.removeprefix(prefix).split("/")[0] for key in summary if key.startswith(prefix))
    return list(dict.fromkeys(keys))


def _fit(summary: Mapping[str, float]) -> list[str]:
    corpora = ["all", *(name for name in _parts(summary, "iou/test/") if name != "all")]
    rows = []
    for method, shown in METHODS.items():
        if mean_fit(summary, method).measured:
            values = [mean_fit(summary, method, corpus) for corpus in corpora]
            excluded = mean_fit(summary, method, metric="sink_excluded_iou")
            rows.append([shown.label, values[0].text(), *(v.number() for v in values[1:]), excluded.number()])
    head = ["mean test IoU over heads", "all texts", *corpora[1:], "all, without the first column"]
    return markdown_table(head, rows)


def _percents(summary: Mapping[str, float]) -> list[int]:
    prefix = "perplexity_increase/test/"
    found = {int(p) for m in REPLACED_BY for o in RANKINGS for p in _parts(summary, f"{prefix}{m}/{o}/")}
    return sorted(found - {0})


def _perplexity(summary: Mapping[str, float]) -> list[str]:
    prefix = "perplexity_increase/test/"
    percents = _percents(summary)
    rows = []
    for programs, shown in REPLACED_BY.items():
        for ranking in RANKINGS:
            keys = [f"{prefix}{programs}/{ranking}/{percent}" for percent in percents]
            found = [estimate_of(summary, key) for key in keys]
            if any(increase.measured for increase in found):
                rows.append([f"{shown.label}, {RANKINGS[ranking].short}", *map(percent_text, found)])
    published = dict(zip(paper.PERCENTS, paper.MODELS[1].increases, strict=True))
    known = [f"{published[p]:,.0f} %" if p in published else "" for p in percents]
    caveat = "another model, 5 sentences, attention exchanged behind the output projection, no intervals"
    rows.append([f"(paper, {paper.MODELS[1].name}, {RANKINGS[BEST_FIT].short}; {caveat})", *known])
    tokens = estimate_of(summary, "perplexity/test/tokens").number(0)
    columns = [f"{p} % of heads" for p in percents]
    return markdown_table([f"perplexity increase, {tokens} test tokens", *columns], rows)


def _above(summary: Mapping[str, float]) -> list[str]:
    prefix = "perplexity_above_distilled/test/selected/"
    percents, rows = _percents(summary), []
    for ranking in _parts(summary, prefix):
        found = [estimate_of(summary, f"{prefix}{ranking}/{p}") for p in percents]
        rows.append([f"{REPLACED_BY[SELECTED].label}, {RANKINGS[ranking].short}", *map(percent_text, found)])
    head = ["perplexity above that of the distilled programs", *(f"{p} % of heads" for p in percents)]
    return markdown_table(head, rows) if rows else []


def _questions(summary: Mapping[str, float]) -> list[str]:
    tasks = _parts(summary, "qa/")
    percents = sorted({int(p) for task in tasks for p in _parts(summary, f"qa/{task}/") if p.isdigit()})
    rows = []
    for task in tasks:
        questions, sources = (estimate_of(summary, f"qa_{key}/{task}").number(0) for key in ("questions", "sources"))
        label = f"{task} ({questions} questions from {sources} sources)"
        if summary.get(f"qa_insensitive/{task}"):
            label += ", insensitive"
        change = estimate_of(summary, f"qa_change/{task}/{percents[-1]}").text(2)
        rows.append([label, *(estimate_of(summary, f"qa/{task}/{p}").text(2) for p in percents), change])
    columns = [f"{p} % of heads" for p in percents]
    return markdown_table(["accuracy at", *columns, f"change at {percents[-1]} %"], rows) if rows else []


def _terms(summary: Mapping[str, float]) -> list[str]:
    sizes = _parts(summary, f"analysis/{TERMS}/")
    columns = {f"{TERMS}/{size}": f"at most {size} terms" for size in sizes}
    columns[SELECTED] = "selected"
    ordered = sorted(columns, key=lambda analysis: summary.get(f"analysis/{analysis}/terms", math.inf))
    titles = {analysis: columns[analysis] for analysis in ordered}
    titles[FITTED_SINK_SELF] = BASELINES[FITTED_SINK_SELF].label
    return _analyses(summary, "IoU by number of terms", titles) if sizes else []


def _sharing(summary: Mapping[str, float]) -> list[str]:
    numbers = sorted(_parts(summary, f"analysis/{SHARED}/"), key=int)
    titles = {f"{SHARED}/{number}": _programs(summary, f"{SHARED}/{number}") for number in numbers}
    titles[SELECTED] = f"one per head ({_programs(summary, SELECTED)})"
    titles[FITTED_SINK_SELF] = BASELINES[FITTED_SINK_SELF].label
    return _analyses(summary, "IoU by number of shared programs", titles) if numbers else []


def _programs(summary: Mapping[str, float], analysis: str) -> str:
    number = estimate_of(summary, f"analysis/{analysis}/programs").number(0)
    return f"{number} program{'s' if number != '1' else ''}"


def _analyses(summary: Mapping[str, float], title: str, titles: Mapping[str, str]) -> list[str]:
    values = [estimate_of(summary, f"analysis/{analysis}/all/iou").text() for analysis in titles]
    return markdown_table([title, *titles.values()], [["mean over heads, test texts", *values]])


def _lengths(summary: Mapping[str, float]) -> list[str]:
    tokens = sorted(_parts(summary, "length/"), key=int)
    rows = []
    for method, shown in METHODS.items():
        found = [estimate_of(summary, f"length/{length}/{method}/iou") for length in tokens]
        if any(value.measured for value in found):
            rows.append([shown.label, *(value.text() for value in found)])
    return markdown_table(["IoU by length of text", *(f"{length} tokens" for length in tokens)], rows) if rows else []


def sources_block(results: Path) -> str:
    """Where programs come from, and what the language model was asked."""
    sources, asked = read_table(results, "sources.csv"), read_table(results, "explainer.csv")
    equal_size = read_if_there(results, "equal_size.csv")
    counted = explainer_section(explainer_counts(results), asked)
    found = [sources_section(sources, equal_size), intended_section(sources), counted]
    lines = []
    for section in filter(None, found):
        lines += [f"**{section.caption.title}.** {section.finding}", ""]
        if section.table:
            lines += [*markdown_table(section.table.head, section.table.rows), ""]
    return "\n".join(lines)


def numbers(summary: Mapping[str, float]) -> str:
    """All tables of a summary."""
    tables = [write(summary) for write in (_fit, _terms, _sharing, _lengths, _perplexity, _above, _questions)]
    return "\n".join([line for table in tables if table for line in [*table, ""]])


def speed_table(bench: Mapping[str, Any]) -> str:
    """How long the search and distillation take and how they scale, from ``results/bench.json``."""
    rows = []
    for section, label in TIMED.items():
        found = bench.get(section, {})
        base = found.get("medians", {}).get("base")
        times = [found.get("ratios", {}).get(f"time with twice the {name}") for name in GROWTH]
        rows.append([label, _text(base, "{:.1f} s"), *(_text(time, "{:.1f} times") for time in times)])
    table = markdown_table(["time of", "base", *(f"twice the {name}" for name in GROWTH)], rows)
    return "\n".join([*table, "", _whole(bench)])


def _whole(bench: Mapping[str, Any]) -> str:
    search = bench.get("search", {})
    seconds, peak = search.get("medians", {}).get("whole"), search.get("notes", {}).get("peak memory, whole (MiB)")
    return (
        "The whole search (270 heads, 300 texts of 64 tokens, 8 terms) takes "
        f"{_text(seconds, '{:.0f} s')} and {_text(peak, '{:,.0f} MiB')} at its peak."
    )


def _text(value: float | None, form: str) -> str:
    return ABSENT if value is None else form.format(value)
