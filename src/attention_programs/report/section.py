"""A closer look at one question: figures, tables, and what the numbers say."""

from collections.abc import Sequence
from dataclasses import dataclass

from attention_programs.report.captions import Caption, FigureView
from attention_programs.report.estimate import Estimate


@dataclass(frozen=True)
class TableRow:
    """A label and its cells as text."""

    label: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class TableView:
    """A small table of the page."""

    head: tuple[str, ...]
    """Of all columns, the labels' first."""
    rows: tuple[TableRow, ...]


@dataclass(frozen=True)
class WeakHead:
    """A head that its program explains badly, and what it seems to do instead."""

    head: str
    iou: Estimate
    sink_excluded: Estimate
    description: str
    """Sentence of its program."""
    behaviour: str
    """Where its attention goes."""


@dataclass(frozen=True)
class Section:
    """One question, its figures and tables, and the answer that the numbers give."""

    name: str
    """Anchor."""
    caption: Caption
    finding: str
    """A sentence with this run's numbers."""
    figures: Sequence[FigureView] = ()
    """The first bears the section's caption, further ones their own."""
    table: TableView | None = None
    heads: Sequence[WeakHead] = ()
