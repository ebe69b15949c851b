"""The README's one table of results, straight from a summary; a test holds the README to it."""

from collections.abc import Mapping

from attention_programs.report import paper
from attention_programs.report.estimate import percent_text
from attention_programs.report.summary import distilled_order, estimate_of, mean_fit
from attention_programs.scoring.selection import FITTED_MIXTURE, SELECTED
from attention_programs.surrogate.rankings import ALONE

BEGIN = "<!-- headline: begin -->"
END = "<!-- headline: end -->"
PERCENTS = (25, 50, 100)


def headline(summary: Mapping[str, float]) -> str:
    """Fit and perplexity beside the baselines of an idle head and beside the paper.

    Args:
        summary: The content of ``summary.json``.
    """
    other = paper.MODELS[1]
    published = dict(zip(paper.PERCENTS, other.increases, strict=True))
    rows = [
        ["test texts", "programs", "first token and self, fitted", "first token", f"paper, {other.name}"],
        ["---", "---:", "---:", "---:", "---:"],
        [
            "mean IoU over heads",
            *(mean_fit(summary, name).text() for name in (SELECTED, FITTED_MIXTURE, "first_token")),
            f"{other.mean_iou:.3f}",
        ],
    ]
    excluded = [mean_fit(summary, name, metric="sink_excluded_iou").text() for name in (SELECTED, FITTED_MIXTURE)]
    rows.append(["the same without the first column", *excluded, "0", "–"])
    for percent in PERCENTS:
        keys = (f"distilled/{distilled_order(summary)}", f"first_token/{ALONE}")
        found = [estimate_of(summary, f"perplexity_increase/test/{key}/{percent}") for key in keys]
        ours, sink = (percent_text(estimate) if estimate.measured else "–" for estimate in found)
        rows.append(
            [f"perplexity increase, {percent} % of heads replaced", ours, "–", sink, f"{published[percent]:,.0f} %"]
        )
    return "\n".join([BEGIN, *("| " + " | ".join(row) + " |" for row in rows), END])
