"""Fit by number of terms, by number of shared programs and by text length."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from attention_programs.files import records
from attention_programs.programs.methods import method_of
from attention_programs.report.analysis_fits import ENOUGH, Fit
from attention_programs.report.estimate import Estimate
from attention_programs.report.figures.lines import BASELINE, End, draw_estimates, draw_level, name_ends
from attention_programs.report.figures.style import BLUE, GREEN, INK, PALETTE, WIDTH


def draw_terms(
    sizes: Sequence[Fit], selected: Fit, baseline: Estimate, nodes: Sequence[int], fits: Sequence[float]
) -> Figure:
    """Two panels with a shared IoU axis."""
    figure = Figure(figsize=(WIDTH, 3.1), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    _means(left, sizes, selected)
    right.plot(nodes, fits, "o", color=BLUE, markersize=3.5, alpha=0.45, markeredgewidth=0)
    right.set_title("Every head")
    right.set_xlabel("syntax nodes in its selected program")
    draw_level(left, baseline.value, BASELINE)
    draw_level(right, baseline.value, "")
    left.locator_params(axis="x", integer=True)
    for axes in (left, right):
        axes.grid(axis="y")
        axes.set_axisbelow(True)
    left.set_ylim(0, 1)
    return figure


def _means(axes: Axes, sizes: Sequence[Fit], selected: Fit) -> None:
    ordered = sorted([*sizes, selected], key=lambda fit: fit.terms)
    draw_estimates(axes, [fit.terms for fit in ordered], [fit.iou for fit in ordered], BLUE)
    axes.plot(selected.terms, selected.iou.value, "o", color=INK, markersize=6)
    axes.annotate(f"selected, {selected.iou.number(2)}", (selected.terms, selected.iou.value), (0, 9), color=INK,
                  textcoords="offset points", ha="center", fontweight="bold")  # fmt: skip
    for fit in sizes:
        axes.annotate(fit.iou.number(2), (fit.terms, fit.iou.value), (0, -13), textcoords="offset points",
                      color=BLUE, ha="center")  # fmt: skip
    axes.set_xlim(0, 1.12 * max(fit.terms for fit in ordered))
    axes.set_title("Mean over heads")
    axes.set(xlabel="terms per program, mean over heads", ylabel="IoU on test texts")


def draw_sharing(shared: Sequence[Fit], one_a_head: Fit, baseline: Estimate) -> Figure:
    """Mean IoU with intervals by number of programs, on a logarithmic axis."""
    figure = Figure(figsize=(WIDTH, 3.0), layout="constrained")
    axes = figure.add_subplot()
    axes.set_xscale("log")
    fits = [*shared, one_a_head]
    draw_estimates(axes, [fit.programs for fit in fits], [fit.iou for fit in fits], BLUE)
    axes.plot(one_a_head.programs, one_a_head.iou.value, "o", color=INK, markersize=6)
    axes.annotate("one per head", (one_a_head.programs, one_a_head.iou.value), (0, 9), textcoords="offset points",
                  color=INK, ha="center", fontweight="bold")  # fmt: skip
    for fit in shared:
        axes.annotate(fit.iou.number(2), (fit.programs, fit.iou.value), (0, -13), textcoords="offset points",
                      color=BLUE, ha="center")  # fmt: skip
    least = ENOUGH * one_a_head.iou.value
    axes.axhline(least, color=GREEN, linewidth=1, zorder=1)
    axes.annotate(f"{100 * ENOUGH:.0f} % of one per head", (0, least), (2, 3), xycoords=axes.get_yaxis_transform(),
                  textcoords="offset points", color=GREEN, va="bottom")  # fmt: skip
    draw_level(axes, baseline.value, f"{BASELINE} to each head")
    axes.set_xlim(min(fit.programs for fit in fits) / 1.35, 1.35 * one_a_head.programs)
    axes.set_ylim(0, max(0.8, 1.15 * max(fit.iou.value for fit in fits)))
    axes.xaxis.set_major_locator(FixedLocator([fit.programs for fit in fits]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter("{x:.0f}")
    axes.set(xlabel="distinct programs for all heads", ylabel="mean IoU on test texts")
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    return figure


def draw_lengths(table: pd.DataFrame) -> Figure:
    """IoU with intervals and IoU without the first column, by number of tokens, on the same scale.

    Args:
        table: ``lengths.csv``.
    """
    figure = Figure(figsize=(WIDTH, 3.0), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    top = max(float(table["iou"].max()), float(table["sink_excluded_iou"].max()))
    for axes, measure, title in ((left, "iou", "IoU"), (right, "sink_excluded_iou", "First column left out")):
        ends = [_curve(axes, rows, str(name), measure) for name, rows in table.groupby("method", sort=False)]
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_locator(FixedLocator(sorted(table["tokens"].unique())))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter("{x:.0f}")
        axes.set_ylim(0, max(0.8, 1.1 * top))
        axes.set_title(title)
        axes.set_xlabel("tokens per text")
        axes.grid(axis="y")
        axes.set_axisbelow(True)
    name_ends(right, ends)
    left.set_ylabel("mean over heads, test texts")
    return figure


def _curve(axes: Axes, rows: pd.DataFrame, method: str, measure: str) -> End:
    rows = rows.sort_values("tokens")
    color = PALETTE[method_of(method).color]
    values = [Estimate(row.iou, row.low, row.high) if measure == "iou" else Estimate(row.sink_excluded_iou)
              for row in records(rows)]  # fmt: skip
    draw_estimates(axes, rows["tokens"].tolist(), values, color)
    return End(float(rows["tokens"].iloc[-1]), values[-1].value, method_of(method).label, color)
