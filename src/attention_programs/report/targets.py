"""What the search has to reach, beside what it reached: the README's table of both measurements."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from attention_programs.files import read_json
from attention_programs.programs.methods import SEARCH
from attention_programs.report.estimate import ABSENT, percent_text
from attention_programs.report.markdown import markdown_table
from attention_programs.report.summary import OF_DISTILLED, distilled_order, estimate_of, summarise_fit

BEGIN = "<!-- targets: begin -->"
END = "<!-- targets: end -->"


@dataclass(frozen=True)
class Target:
    """One row of the table."""

    label: str
    key: str
    """Of the summary; ``{order}`` stands for the order of replacement that was chosen on validation."""
    must: float
    aim: float
    percent: bool = False
    """Whether it counts percent, and less is better."""

    def number(self, value: float) -> str:
        """A bound as text."""
        return f"{value:g} %" if self.percent else f"{value:.2f}"


TARGETS = (  # the search's programs, as those by hand may have more terms
    Target("mean IoU, at most 8 terms, stories", f"iou/test/stories/{SEARCH}", 0.61, 0.66),
    Target("the same, at most 20 terms", "variant/terms/20/stories/iou", 0.64, 0.70),
    Target("mathematics, 8 terms", f"iou/test/mathematics/{SEARCH}", 0.55, 0.60),
    Target("code, 8 terms", f"iou/test/code/{SEARCH}", 0.56, 0.60),
    Target("perplexity increase at 25 % of heads", OF_DISTILLED + "{order}/25", 6, 2, True),
    Target("at 50 %", OF_DISTILLED + "{order}/50", 20, 8, True),
    Target("at 100 %", OF_DISTILLED + "{order}/100", 180, 80, True),
)
COLUMNS = {"shipped": "smollm2-135m", "benchmark": "benchmark"}
"""Profiles of the table's columns, by their headings."""
PROGRAMS = "sharing/programs_for_95_percent"
MOST_PROGRAMS = (60, 30)


def kept_summaries(results: Path) -> dict[str, dict[str, float]]:
    """The summaries of the table's columns that lie below ``results/``, by their headings.

    A profile that was run as far as the fit has that part of a summary.
    """
    found = {}
    for heading, profile in COLUMNS.items():
        folder = results / profile
        if (folder / "summary.json").is_file():
            found[heading] = read_json(folder / "summary.json")
        elif (folder / "iou.csv").is_file():
            found[heading] = summarise_fit(folder)
    return found


def targets_table(summaries: Mapping[str, Mapping[str, float]]) -> str:
    """The block between the README's two marks.

    Args:
        summaries: The content of ``summary.json`` by the heading of its column.
    """
    rows = [
        [
            target.label,
            target.number(target.must),
            target.number(target.aim),
            *(_cell(target, summary) for summary in summaries.values()),
        ]
        for target in TARGETS
    ]
    counts = [f"{summary[PROGRAMS]:.0f}" if PROGRAMS in summary else ABSENT for summary in summaries.values()]
    label = "distinct programs for 95 % of the IoU of one a head (on validation)"
    rows.append([label, *map(str, MOST_PROGRAMS), *counts])
    head = ["at 64 tokens, test texts", "must", "aim", *summaries]
    return "\n".join([BEGIN, *markdown_table(head, rows), END])


def _cell(target: Target, summary: Mapping[str, float]) -> str:
    key = target.key.format(order=distilled_order(summary))
    found = estimate_of(summary, key)
    if not found.measured:
        return ABSENT
    return percent_text(found) if target.percent else found.text()
