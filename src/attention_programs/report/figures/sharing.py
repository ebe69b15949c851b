"""How few programs are enough: fit against the number of programs that all heads share."""

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from attention_programs.report.estimate import Estimate
from attention_programs.report.figures.lines import BASELINE, draw_estimates, draw_level
from attention_programs.report.figures.style import BLUE, GREEN, INK, WIDTH
from attention_programs.report.variants import ENOUGH, Fit


def draw_sharing(shared: Sequence[Fit], one_a_head: Fit, baseline: Estimate) -> Figure:
    """Mean IoU with intervals; the axis of programs is logarithmic.

    Args:
        shared: Variants in which heads share programs.
        one_a_head: The selected programs, at the right end.
        baseline: IoU of the fitted baseline.
    """
    figure = Figure(figsize=(WIDTH, 3.0), layout="constrained")
    axes = figure.add_subplot()
    axes.set_xscale("log")
    fits = [*shared, one_a_head]
    draw_estimates(axes, [fit.programs for fit in fits], [fit.iou for fit in fits], BLUE)
    axes.plot(one_a_head.programs, one_a_head.iou.value, "o", color=INK, markersize=6)
    axes.annotate("one a head", (one_a_head.programs, one_a_head.iou.value), (0, 9), textcoords="offset points",
                  color=INK, ha="center", fontweight="bold")  # fmt: skip
    for fit in shared:
        axes.annotate(fit.iou.number(2), (fit.programs, fit.iou.value), (0, -13), textcoords="offset points",
                      color=BLUE, ha="center")  # fmt: skip
    least = ENOUGH * one_a_head.iou.value
    axes.axhline(least, color=GREEN, linewidth=1, zorder=1)
    axes.annotate(f"{100 * ENOUGH:.0f} % of one a head", (0, least), (2, 3), xycoords=axes.get_yaxis_transform(),
                  textcoords="offset points", color=GREEN, va="bottom")  # fmt: skip
    draw_level(axes, baseline.value, f"{BASELINE} to each head")
    axes.set_xlim(min(fit.programs for fit in fits) / 1.35, 1.35 * one_a_head.programs)
    axes.set_ylim(0, max(0.8, 1.15 * max(fit.iou.value for fit in fits)))
    axes.xaxis.set_major_locator(FixedLocator([fit.programs for fit in fits]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter("{x:.0f}")
    axes.set(xlabel="distinct programs for all heads together", ylabel="mean IoU on test texts")
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    return figure
