"""The README's table of results, generated from a summary; a test keeps the README up to date."""

from collections.abc import Mapping

from attention_programs.programs.methods import BASELINES, DISTILLED, FIRST_TOKEN, FITTED_SINK_SELF, SELECTED
from attention_programs.report import paper
from attention_programs.report.estimate import ABSENT, percent_text
from attention_programs.report.markdown import markdown_table
from attention_programs.report.summary import distilled_ranking, estimate_of, mean_fit
from attention_programs.surrogate.rankings import ALONE

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
