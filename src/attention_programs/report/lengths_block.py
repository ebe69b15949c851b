"""Fit and cost by text length as the docs show them, from the profile with long texts."""

from pathlib import Path

from attention_programs.report.cost_sections import cost_by_length_section
from attention_programs.report.fit_sections import lengths_view
from attention_programs.report.markdown import markdown_table
from attention_programs.report.result_tables import read_table

PROFILE = "long"


def lengths_block(results: Path) -> str:
    """Tables of IoU and of perplexity increases at several lengths.

    Args:
        results: The folder of all results.
    """
    folder = results / PROFILE
    if not (folder / "lengths.csv").is_file():
        return f"Not measured yet; `attention-programs reproduce --profile {PROFILE}` does it."
    lengths = read_table(folder, "lengths.csv")
    fit = lengths_view(lengths)
    cost = cost_by_length_section(read_table(folder, "perplexity_lengths.csv"))
    lines = [f"Fit, {lengths['texts'].iloc[0]:.0f} test texts:", "", *markdown_table(fit.head, fit.rows)]
    if cost and cost.table:
        lines += ["", f"Perplexity increase. {cost.finding}", "", *markdown_table(cost.table.head, cost.table.rows)]
    return "\n".join(lines)
