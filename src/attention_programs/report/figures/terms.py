"""What a term is worth: fit against the number of terms, and of each head against the size of its program."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from attention_programs.report.estimate import Estimate
from attention_programs.report.figures.lines import BASELINE, draw_estimates, draw_level
from attention_programs.report.figures.style import BLUE, INK, WIDTH
from attention_programs.report.variants import Fit


def draw_terms(
    sizes: Sequence[Fit], selected: Fit, baseline: Estimate, nodes: Sequence[int], fits: Sequence[float]
) -> Figure:
    """Two panels that share the axis of IoU.

    Args:
        sizes: Variants with other numbers of terms.
        selected: The selected programs.
        baseline: IoU of the fitted baseline.
        nodes: Syntax nodes of each head's selected program.
        fits: Its test IoU.
    """
    figure = Figure(figsize=(WIDTH, 3.1), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    _means(left, sizes, selected)
    right.plot(nodes, fits, "o", color=BLUE, markersize=3.5, alpha=0.45, markeredgewidth=0)
    right.set_title("Every head")
    right.set_xlabel("syntax nodes of its selected program")
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
    axes.set(xlabel="terms of a program, mean over heads", ylabel="IoU on test texts")
