"""Question-answering accuracy by fraction of heads replaced: one panel per task."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from attention_programs.evidence.conditions import CONDITIONS
from attention_programs.files import records
from attention_programs.programs.methods import DISTILLED, REPLACED_BY
from attention_programs.report.figures.style import BLUE, GREEN, INK, MUTED, ORANGE, PINK, PURPLE, WIDTH

MAX_COLUMNS = 3
MOST_LABELS = 4
"""With more fractions, only the first and the last dot have their number."""
MARKERS = ((ORANGE, "s"), (PURPLE, "^"), (GREEN, "D"), (PINK, "v"), (INK, "P"))
"""Colour and shape of the controls, in turn."""


def task_label(task: str) -> str:
    """A task's label.

    >>> task_label("story_continuation")
    'story continuation'
    """
    return task.replace("_", " ")


def draw_questions(table: pd.DataFrame, tasks: Sequence[str], controls: pd.DataFrame) -> Figure:
    """Accuracy with intervals by fraction of heads replaced, a line for chance, and markers for controls."""
    columns = min(len(tasks), MAX_COLUMNS)
    rows = math.ceil(len(tasks) / columns)
    figure = Figure(figsize=(WIDTH, 2.5 * rows + 0.2), layout="constrained")
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for axes, task in zip(panels, tasks, strict=False):
        _panel(axes, table[table["task"] == task].sort_values("percent"), task)
        _mark_controls(axes, controls[controls["task"] == task])
    for axes in panels[len(tasks) :]:
        axes.set_visible(False)
    for position in range(0, len(tasks), columns):
        panels[position].set_ylabel("accuracy")
    if len(controls):
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper left", ncols=3, frameon=False)
    figure.supxlabel("fraction of the selected heads replaced", fontsize=8)
    return figure


def _panel(axes: Axes, rows: pd.DataFrame, task: str) -> None:
    chance = float(rows["chance"].mean())
    axes.axhline(chance, color=MUTED, linewidth=1, linestyle=(0, (3, 2)))
    axes.text(1, chance - 0.025, f"chance, {100 * chance:.0f} %", color=MUTED, ha="left", va="top")
    errors = [rows["accuracy"] - rows["low"], rows["high"] - rows["accuracy"]]
    style: dict[str, Any] = {"color": BLUE, "marker": "o", "markersize": 4, "elinewidth": 1}
    label = REPLACED_BY[DISTILLED].label
    axes.errorbar(rows["percent"], rows["accuracy"], errors, label=label, **style)
    crowded = len(rows) > MOST_LABELS
    for row in records(rows.iloc[[0, -1]] if crowded else rows):
        place, offset = (row.high, (-2, 2)) if crowded else (row.accuracy, (5, 4))
        style = {"textcoords": "offset points", "color": BLUE, "ha": "center" if crowded and row.percent else "left"}
        axes.annotate(f"{100 * row.accuracy:.0f} %", (row.percent, place), offset, **style)
    questions = {f"{count:.0f}" for count in rows["questions"]}
    axes.set_title(f"{task_label(task)} ({' to '.join(sorted(questions, key=int))} questions)")
    axes.set_ylim(0, 1.1)
    axes.set_xlim(-4, 112)
    axes.set_xticks(range(0, 101, 25))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} %"))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f} %"))
    axes.grid(axis="y")


def _mark_controls(axes: Axes, controls: pd.DataFrame) -> None:
    conditions = dict.fromkeys(controls["condition"].astype(str))
    for condition, (color, marker) in zip(conditions, itertools.cycle(MARKERS), strict=False):
        own = controls[controls["condition"] == condition]
        style: dict[str, Any] = {"color": color, "marker": marker, "markersize": 4, "linestyle": "none"}
        axes.plot(own["percent"], own["accuracy"], label=CONDITIONS[condition].label, **style)
