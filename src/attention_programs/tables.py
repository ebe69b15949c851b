"""Tables for the terminal."""

import shutil
import sys
from collections.abc import Collection, Iterable, Sequence
from io import StringIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

WIDEST = 10_000
"""Width of a table that no terminal shows, so that every row stays on one line."""


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], numbers: Collection[str] = ()) -> str:
    """A table as plain text; the last column is wrapped in a terminal, and nothing is in a pipe or file.

    Args:
        headers: The columns' headings; the line of headings is left out if all are empty.
        rows: Cells by row.
        numbers: Headings of the columns that are flush right.

    >>> print(table(["head", "IoU"], [["L0H0", "0.512"], ["L10H3", "0.4"]], numbers=["IoU"]))
    head     IoU
    L0H0   0.512
    L10H3    0.4
    """
    drawn = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=any(headers))
    for place, header in enumerate(headers, start=1):
        right, last = header in numbers, place == len(headers)
        drawn.add_column(Text(header), justify="right" if right else "left", no_wrap=not last, overflow="fold")
    for row in rows:
        drawn.add_row(*map(Text, row))
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else WIDEST
    file = StringIO()
    Console(file=file, width=width, color_system=None, legacy_windows=False).print(drawn)
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines())
