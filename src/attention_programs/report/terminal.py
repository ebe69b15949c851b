"""Heads, programs and maps for the terminal."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from attention_programs.files import records
from attention_programs.programs.intake import Intake
from attention_programs.programs.table import ProgramRecord
from attention_programs.report.figures.maps import token_label

SHADES = " .:-=+*#%@"
"""Weight from 0 to 1 in ten steps; the scale is a square root so that small weights can be seen."""


def shade(weight: float) -> str:
    """The character for a weight.

    >>> shade(0.0), shade(1.0)
    (' ', '@')
    """
    return SHADES[min(int(np.sqrt(max(weight, 0.0)) * len(SHADES)), len(SHADES) - 1)]


def draw_maps(pieces: Sequence[str], real: NDArray[np.floating], predicted: NDArray[np.floating], tokens: int) -> str:
    """Real and predicted map side by side, one row a token, cut to the first ``tokens``."""
    n = min(len(pieces), tokens)
    lines = [f"{'':12}  {'real':{n}}   predicted"]
    for i in range(n):
        left = "".join(shade(float(w)) for w in real[i, :n])
        right = "".join(shade(float(w)) for w in predicted[i, :n])
        lines.append(f"{token_label(pieces[i]):12} |{left}| |{right}|")
    return "\n".join(lines)


def describe_program(record: ProgramRecord) -> str:
    """A program with its name, origin and source."""
    origin = f"{record.author}, {record.terms} terms, row rule: {record.causal}, id {record.id[:12]}"
    return f"{record.name} ({origin})\n\n{record.source.rstrip()}"


def head_table(heads: pd.DataFrame, programs: dict[str, ProgramRecord]) -> str:
    """One line a head: IoU with interval, program, what it does."""
    lines = [f"{'head':7} {'IoU':>5} {'95 % interval':>15} {'no sink':>7}  program"]
    for row in records(heads):
        interval = f"{row.iou_test_low:.3f} - {row.iou_test_high:.3f}"
        description = programs[row.program_id].description if row.program_id in programs else ""
        lines.append(
            f"{row.head:7} {row.iou_test:5.3f} {interval:>15} {row.sink_excluded_iou_test:7.3f}  "
            f"{row.program_name}: {description}"
        )
    return "\n".join(lines)


def intake_table(intake: Intake) -> str:
    """One line a program of an imported file: whether it runs, whether it looks ahead, or why it is refused."""
    verdicts = {program.name: _verdict(program) for program in intake.admission.admitted}
    verdicts |= {refusal.candidate.name: f"{refusal.reason}: {refusal.message}" for refusal in intake.admission.refused}
    width = max(len(name) for name in verdicts)
    lines = [f"{candidate.name:{width}}  {verdicts[candidate.name]}" for candidate in intake.candidates]
    counts = [f"{count} {reason}" for reason, count in intake.admission.counts.items() if count]
    total = f"{len(intake.admission.admitted)} of {len(intake.candidates)} programs run"
    return "\n".join([*lines, *intake.remarks, "", f"{total} ({', '.join(counts)})" if counts else total])


def _verdict(program: ProgramRecord) -> str:
    marks = ["looks ahead"] if program.causal == "looks ahead" else ["obeys the prefix rule"]
    marks += ["depends on the order of sets"] if program.set_order_matters else []
    return f"runs; {', '.join(marks)}"


def vocabulary_table() -> str:
    """The terms that programs speak, by category, with their first line of documentation."""
    from attention_programs.programs.vocabulary import CLASSES, PATTERNS

    lines = []
    for term in [*PATTERNS.values(), *CLASSES.values()]:
        name = f"text.key.{term.name}, text.query.{term.name}" if term.category == "class" else f"text.{term.name}"
        parameters = f"({', '.join(map(str, term.parameters))})" if term.parameters else ""
        lines.append(f"{term.category:10} {name}{parameters}\n{'':11}{term.summary}")
    return "\n".join(lines)
