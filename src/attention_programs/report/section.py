"""Detailed results on one question: figures, tables and the answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure

from attention_programs.files import write_csv
from attention_programs.report.captions import Caption
from attention_programs.report.estimate import Estimate
from attention_programs.report.figures.style import inline, save

IN_WORDS = (25, 50, 100)
"""Percentages of heads that sentences and small tables quote; figures and CSV files have all."""


def in_words(measured: pd.DataFrame) -> list[float]:
    """Those of ``IN_WORDS`` that a table has; else all its percentages above 0."""
    percents = sorted({float(percent) for percent in measured["percent"] if percent > 0})
    return [percent for percent in percents if percent in IN_WORDS] or percents


@dataclass(frozen=True)
class FigureView:
    """A figure on the page."""

    name: str
    """File stem and anchor."""
    caption: Caption
    drawing: Markup


@dataclass(frozen=True)
class Gallery:
    """Saves figures, each as PNG and SVG, and its numbers as CSV."""

    folder: Path

    def add(self, name: str, figure: Figure, caption: Caption, numbers: pd.DataFrame) -> FigureView:
        """Saves a figure and its numbers under a name; title and reading of the caption become its alternative text."""
        stem = self.folder / name
        save(figure, stem)
        write_csv(stem.with_suffix(".csv"), numbers)
        return FigureView(name, caption, inline(stem.with_suffix(".svg"), f"{caption.title}. {caption.reading}"))


@dataclass(frozen=True)
class TableView:
    """A small table of the page."""

    head: tuple[str, ...]
    """Column headings, starting with that of the labels."""
    rows: Sequence[Sequence[str]]
    """A label and its cells, as text."""
    highlighted: int = 0
    """Index of the column that the page is about; 0 for none."""


@dataclass(frozen=True)
class WeakHead:
    """A head that its program explains poorly, and what it seems to do instead."""

    head: str
    iou: Estimate
    sink_excluded: Estimate
    description: str
    """What its program says."""
    behaviour: str
    """Where its attention goes."""


@dataclass(frozen=True)
class Section:
    """One question, its figures and tables, and the answer in numbers."""

    name: str
    """Anchor."""
    caption: Caption
    finding: str
    """A sentence with this run's numbers."""
    figures: Sequence[FigureView] = ()
    """The first may share the section's caption; all others have their own."""
    table: TableView | None = None
    heads: Sequence[WeakHead] = ()
    compared: str = ""
    """A sentence with what the numbers are to be compared with: those of a control or a baseline."""
