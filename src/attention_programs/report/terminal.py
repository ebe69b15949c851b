"""Heads, programs, patterns and the vocabulary for the terminal."""

import difflib
import inspect
import textwrap
from collections.abc import Sequence
from itertools import groupby

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from attention_programs.errors import UserError
from attention_programs.files import records
from attention_programs.programs.methods import SELECTED
from attention_programs.programs.record import ProgramRecord
from attention_programs.programs.vocabulary import PATTERNS, TOKEN_FEATURES, Term, find_term
from attention_programs.tables import table

SHADES = " .:-=+*#%@"
"""Weights from 0 to 1 in ten steps; a square-root scale keeps small weights visible."""

MARKS = {"\n": "↵", "\t": "⇥", " ": "·"}
"""Visible stand-ins for whitespace."""


def shade(weight: float) -> str:
    """The character for a weight.

    >>> shade(0.0), shade(1.0)
    (' ', '@')
    """
    return SHADES[min(int(np.sqrt(max(weight, 0.0)) * len(SHADES)), len(SHADES) - 1)]


def token_label(token_string: str) -> str:
    r"""A token's label: whitespace made visible, other control characters replaced, cut to 12 characters.

    >>> token_label(" dog"), token_label("\n\n"), token_label("\x00")
    ('·dog', '↵↵', '�')
    """
    marked = "".join(MARKS.get(character, character) for character in token_string)
    marked = "".join(character if character.isprintable() else "\ufffd" for character in marked)
    return marked if len(marked) <= 12 else marked[:11] + "…"


def draw_patterns(
    token_strings: Sequence[str], true_pattern: NDArray[np.floating], predicted: NDArray[np.floating], tokens: int
) -> str:
    """True and predicted pattern side by side, one row per token, cut to the first ``tokens``."""
    n = min(len(token_strings), tokens)
    lines = [f"{'':12}  {'true':{n}}   predicted"]
    for i in range(n):
        left = "".join(shade(float(w)) for w in true_pattern[i, :n])
        right = "".join(shade(float(w)) for w in predicted[i, :n])
        lines.append(f"{token_label(token_strings[i]):12} |{left}| |{right}|")
    return "\n".join(lines)


def describe_program(record: ProgramRecord) -> str:
    """A program with its name, origin and source."""
    origin = f"{record.author}, {record.terms} terms, prefix test: {record.prefix_test}, id {record.id[:12]}"
    return f"{record.name} ({origin})\n\n{record.source.rstrip()}"


def head_table(heads: pd.DataFrame, programs: dict[str, ProgramRecord]) -> str:
    """One line per head: IoU with interval, program and what it does."""
    rows = [
        [
            row.head,
            f"{row.iou_test:.3f}",
            f"{row.iou_test_low:.3f} - {row.iou_test_high:.3f}",
            f"{row.sink_excluded_iou_test:.3f}",
            f"{row.program_name}: {programs[row.program_id].description if row.program_id in programs else ''}",
        ]
        for row in records(heads)
    ]
    return table(["head", "IoU", "95 % interval", "no sink", "program"], rows, numbers=["IoU", "no sink"])


def heads_by_term(heads: pd.DataFrame, programs: dict[str, ProgramRecord]) -> dict[str, list[str]]:
    """For each vocabulary term, the heads whose selected programs mention it, in the table's order.

    Args:
        heads: The table ``heads.csv``.
        programs: Programs by id.
    """
    found: dict[str, list[str]] = {}
    for row in records(heads[heads["method"] == SELECTED]):
        mentions = programs[row.program_id].parsed().mentions if row.program_id in programs else ()
        for name in dict.fromkeys(name for name, _ in mentions):
            found.setdefault(name, []).append(row.head)
    return found


def vocabulary_table(uses: dict[str, list[str]] | None) -> str:
    """The vocabulary by category: each term's phrase, first line of documentation, and the heads that use it.

    Args:
        uses: Heads by term; None if there are no results.
    """
    lines = []
    for category, terms in groupby([*PATTERNS.values(), *TOKEN_FEATURES.values()], key=lambda term: term.category):
        lines += ["", category]
        for term in terms:
            lines += [f"  {_heading(term)}", f"      {term.summary}"]
            if uses is not None:
                lines.append(f"      {_used(uses.get(term.name, []))}")
    return "\n".join(lines[1:])


def describe_term(name: str, uses: dict[str, list[str]] | None) -> str:
    """One term with its full documentation, its example and all heads that use it.

    Args:
        name: The term, as written in a program or by itself: ``text.key.comma`` or ``comma``.
        uses: Heads by term; None if there are no results.

    Raises:
        UserError: if the vocabulary has no such term.
    """
    term = find_term(name.split("(", maxsplit=1)[0].rsplit(".", 1)[-1])
    if term is None:
        close = difflib.get_close_matches(name, [*PATTERNS, *TOKEN_FEATURES], n=1, cutoff=0.0)[0]
        raise UserError(f"the vocabulary has no term {name!r}; did you mean {close!r}?")
    lines = [_heading(term), "", inspect.cleandoc(term.compute.__doc__ or ""), "", f"Example: {term.example}"]
    if uses is not None:
        lines += ["", textwrap.fill(_used(uses.get(term.name, []), most=None), 100)]
    return "\n".join(lines)


def _heading(term: Term) -> str:
    if term.category == "class":
        spelling = f"text.key.{term.name}, text.query.{term.name}"
    else:
        spelling = f"text.{term.name}" + (f"({', '.join(map(str, term.parameters))})" if term.parameters else "")
    return f"{spelling}: {term.phrase.format('n')}"


def _used(heads: Sequence[str], most: int | None = 5) -> str:
    """How many heads use a term, and which ones.

    >>> _used(["L0H0", "L0H1"], most=1)
    'used by 2 heads: L0H0, ...'
    """
    if not heads:
        return "used by no head"
    shown = [*heads[:most], *(["..."] if most is not None and len(heads) > most else [])]
    return f"used by {len(heads)} {'head' if len(heads) == 1 else 'heads'}: {', '.join(shown)}"
