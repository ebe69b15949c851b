"""The search's targets next to what it reached, as the docs' table."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from attention_programs.files import read_json
from attention_programs.programs.methods import BASELINES, DISTILLED, FIRST_TOKEN, FITTED_SINK_SELF, SEARCH, SELECTED
from attention_programs.report import paper
from attention_programs.report.estimate import ABSENT, percent_text
from attention_programs.report.markdown import markdown_table
from attention_programs.report.summary import distilled_ranking, estimate_of, mean_fit, summarise_corpora, summarise_fit
from attention_programs.surrogate.rankings import ALONE


@dataclass(frozen=True)
class Target:
    """One row of the table."""

    label: str
    key: str
    """Key of the summary, where ``{ranking}`` stands for the head ranking chosen on validation texts."""
    minimum: float
    goal: float
    percent: bool = False
    """Whether it is a percentage, where less is better."""

    def number(self, value: float) -> str:
        """A bound as text."""
        return f"{value:g} %" if self.percent else f"{value:.2f}"


ON_STORIES = f"perplexity_increase_on_stories/test/{DISTILLED}/{{ranking}}"
TARGETS = (  # for the search's programs, as those written by hand may have more terms
    Target("mean IoU, at most 8 terms, stories", f"iou/test/stories/{SEARCH}", 0.61, 0.66),
    Target("the same, at most 20 terms", "analysis/terms/20/stories/iou", 0.64, 0.70),
    Target("mathematics, 8 terms", f"iou/test/mathematics/{SEARCH}", 0.55, 0.60),
    Target("code, 8 terms", f"iou/test/code/{SEARCH}", 0.56, 0.60),
    Target("perplexity increase on stories at 25 % of heads", f"{ON_STORIES}/25", 6, 2, True),
    Target("at 50 %", f"{ON_STORIES}/50", 20, 8, True),
    Target("at 100 %", f"{ON_STORIES}/100", 180, 80, True),
)
COLUMNS = {"shipped": "smollm2-135m", "benchmark": "benchmark"}
"""Profiles of the table's columns, by heading."""
PROGRAMS = "sharing/programs_for_95_percent"
MAX_PROGRAMS = (60, 30)
PERCENTS = (25, 50, 100)


def headline(summary: Mapping[str, float]) -> str:
    """Fit and perplexity compared with the baselines and the paper.

    Args:
        summary: The content of ``summary.json``.
    """
    other = paper.MODELS[1]
    published = dict(zip(paper.PERCENTS, other.increases, strict=True))
    excluded = [mean_fit(summary, name, metric="sink_excluded_iou").text() for name in (SELECTED, FITTED_SINK_SELF)]
    fits = [mean_fit(summary, name).text() for name in (SELECTED, FITTED_SINK_SELF, FIRST_TOKEN)]
    rows = [
        ["mean IoU over heads", *fits, f"{other.mean_iou:.3f}"],
        ["the same without the first column", *excluded, "0", ABSENT],
    ]
    for percent in PERCENTS:
        keys = (f"{DISTILLED}/{distilled_ranking(summary)}", f"{FIRST_TOKEN}/{ALONE}")
        ours, sink = (percent_text(estimate_of(summary, f"perplexity_increase/test/{key}/{percent}")) for key in keys)
        label = f"perplexity increase, {percent} % of heads replaced"
        rows.append([label, ours, ABSENT, sink, f"{published[percent]:,.0f} %"])
    baselines = [BASELINES[name].label.lower() for name in (FITTED_SINK_SELF, FIRST_TOKEN)]
    head = ["test texts", "programs", *baselines, f"paper, {other.name}"]
    return "\n".join(markdown_table(head, rows))


def kept_summaries(results: Path) -> dict[str, dict[str, float]]:
    """The available summaries of the table's columns, by heading.

    A profile that was only run up to the fit has only that part of a summary.
    """
    found = {}
    for heading, profile in COLUMNS.items():
        folder = results / profile
        if (folder / "summary.json").is_file():
            found[heading] = read_json(folder / "summary.json") | summarise_corpora(folder)
        elif (folder / "iou.csv").is_file():
            found[heading] = summarise_fit(folder)
    return found


def targets_table(summaries: Mapping[str, Mapping[str, float]]) -> str:
    """The targets and what each column's summary reached."""
    rows = []
    for target in TARGETS:
        cells = [_cell(target, summary) for summary in summaries.values()]
        rows.append([target.label, target.number(target.minimum), target.number(target.goal), *cells])
    counts = [f"{summary[PROGRAMS]:.0f}" if PROGRAMS in summary else ABSENT for summary in summaries.values()]
    label = "distinct programs for 95 % of the IoU of one per head (on validation)"
    rows.append([label, *map(str, MAX_PROGRAMS), *counts])
    head = ["at 64 tokens, test texts", "minimum", "goal", *summaries]
    return "\n".join(markdown_table(head, rows))


def _cell(target: Target, summary: Mapping[str, float]) -> str:
    key = target.key.format(ranking=distilled_ranking(summary))
    found = estimate_of(summary, key)
    if not found.measured:
        return ABSENT
    return percent_text(found) if target.percent else found.text()
