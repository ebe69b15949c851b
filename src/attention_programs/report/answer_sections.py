"""What replacing heads does to answers: original against surrogate on the same questions, and controls beside it."""

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from attention_programs.evidence.conditions import CONDITIONS
from attention_programs.files import records
from attention_programs.report.captions import QUESTIONS
from attention_programs.report.estimate import ABSENT, Estimate
from attention_programs.report.figures.questions_figure import draw_questions, task_label
from attention_programs.report.section import Gallery, Section, TableView, in_words

SURE = 0.05
"""Corrected p-values below count as a change."""
MARK = "*"
"""Marks such a change in the table."""


def answers_section(
    answers: pd.DataFrame, controls: pd.DataFrame, asked: Sequence[str] = (), gallery: Gallery | None = None
) -> Section | None:
    """Accuracy by fraction of heads replaced; None if no questions were meant to be asked.

    Args:
        answers: The table ``qa.csv``.
        controls: The table ``qa_controls.csv``; may be empty.
        asked: The profile's tasks; those without answers are named.
        gallery: Saves the figure; without one there is none.
    """
    tasks = _names(answers, "task")
    missing = [task_label(task) for task in asked if task not in tasks]
    unmeasured = f"Not measured: question answering on {', '.join(missing)}." if missing else ""
    if not tasks:
        return Section("questions", QUESTIONS, unmeasured) if missing else None
    answers, controls = _with_p_values(answers), _with_p_values(controls)
    figures = []
    if gallery:
        figures = [gallery.add("questions", draw_questions(answers, tasks, controls), QUESTIONS, answers)]
    finding = f"{answers_finding(answers)} {unmeasured}".strip()
    return Section("questions", QUESTIONS, finding, figures, answers_view(answers, controls), (), _compared(controls))


def _with_p_values(table: pd.DataFrame) -> pd.DataFrame:
    """The table with the columns of p-values, which older results lack."""
    return table if "p_corrected" in table else table.assign(p_value=math.nan, p_corrected=math.nan)


def answers_finding(answers: pd.DataFrame) -> str:
    """How many tasks change beyond chance at each percentage, and which loses most."""
    first = answers.drop_duplicates("task")
    parts = [_changes(answers, percent) for percent in in_words(answers)]
    finding = f"On {first['questions'].sum():,.0f} questions of {_count(len(first), 'task')}, the same for every row"
    tested = int(answers["p_corrected"].notna().sum())
    if tested:
        finding += f" (exact paired tests, corrected by Holm for {_count(tested, 'comparison')})"
    insensitive = [task_label(str(task)) for task in first.loc[first["insensitive"].astype(bool), "task"]]
    said = f" Insensitive, so no evidence either way: {', '.join(insensitive)}." if insensitive else ""
    return f"{finding}: {'; '.join(parts)}.{said}"


def beyond_chance(answers: pd.DataFrame) -> "pd.Series[float]":
    """The changes in accuracy that are beyond chance."""
    return answers.loc[answers["p_corrected"] < SURE, "change"]


def _changes(table: pd.DataFrame, percent: float) -> str:
    own = table[table["percent"] == percent]
    words = f"with {percent:g} % of heads replaced, "
    if own["p_corrected"].notna().any():
        changes = beyond_chance(own)
        lost, gained = int((changes < 0).sum()), int((changes > 0).sum())
        words += f"{lost} of {_count(len(own), 'task')} {'loses' if lost == 1 else 'lose'} accuracy beyond chance"
        words += f" and {gained} {'gains' if gained == 1 else 'gain'}" if gained else ""
        words += ", and "
    worst = min(records(own), key=lambda row: float(row.change))
    return f"{words}the largest loss is that of {task_label(worst.task)}, {_points(worst)} points"


def _points(row: Any) -> str:
    """A change in accuracy, in percentage points, with its interval."""
    found = Estimate(100 * row.change, 100 * row.change_low, 100 * row.change_high)
    return f"{found.change(1)} {found.interval(1)}".strip()


def _compared(controls: pd.DataFrame) -> str:
    """The same for each control."""
    parts = []
    for condition in _names(controls, "condition"):
        own = controls[controls["condition"] == condition]
        changes = "; ".join(_changes(own, percent) for percent in in_words(own))
        parts.append(f"{CONDITIONS[condition].label} in the same heads: {changes}")
    if not parts:
        return ""
    drawn = any(CONDITIONS[condition].drawn for condition in controls["condition"])
    return f"{'. '.join(parts)}.{' Of a random condition, this is the first draw.' if drawn else ''}"


def answers_view(answers: pd.DataFrame, controls: pd.DataFrame) -> TableView:
    """Rows: a task and what replaces its heads; columns: the original accuracy and the changes at percentages."""
    percents = in_words(answers)
    rows = []
    for task in _names(answers, "task"):
        own = answers[answers["task"] == task]
        accuracy = Estimate(math.nan)
        for row in records(own[own["percent"] == 0]):
            accuracy = Estimate(100 * row.accuracy, 100 * row.low, 100 * row.high)
        chance = Estimate(100 * float(own["chance"].mean())).number(0)
        rows.append([task_label(task), accuracy.text(1), chance, *_cells(own, percents)])
        for condition in _names(controls, "condition"):
            wrong = controls[(controls["condition"] == condition) & (controls["task"] == task)]
            rows.append([f"– {CONDITIONS[condition].label.lower()}", "", "", *_cells(wrong, percents)])
    changes = (f"change at {percent:g} %, points" for percent in percents)
    return TableView(("heads replaced by programs or –", "original accuracy, %", "chance, %", *changes), rows)


def _cells(rows: pd.DataFrame, percents: Sequence[float]) -> list[str]:
    found = {row.percent: f"{_points(row)}{MARK * bool(row.p_corrected < SURE)}" for row in records(rows)}
    return [found.get(percent, ABSENT) for percent in percents]


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _names(table: pd.DataFrame, column: str) -> list[str]:
    """The column's values, each once, in their order."""
    return list(dict.fromkeys(table[column].astype(str)))
