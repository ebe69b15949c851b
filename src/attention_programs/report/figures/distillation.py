"""How distillation went: divergence from the intact model's predictions, step by step."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from attention_programs.report.figures.lines import End, name_ends
from attention_programs.report.figures.style import BLUE, GREEN, INK, MUTED, ORANGE, WIDTH

COLORS = (BLUE, ORANGE, GREEN, INK, MUTED)
"""Of the shares of heads, from the smallest on."""


def draw_distillation(table: pd.DataFrame) -> Figure:
    """Thin: on each step's training texts. Rings: on validation texts, before the step.

    Args:
        table: Rows of ``distillation.csv`` in which predictions were matched.
    """
    figure = Figure(figsize=(WIDTH, 3.0), layout="constrained")
    axes = figure.add_subplot()
    axes.set_yscale("log")
    ends, longest = [], 1.02 * max(float(table["step"].max()), 1.0)
    for number, (percent, rows) in enumerate(table.sort_values("step").groupby("percent")):
        color = COLORS[number % len(COLORS)]
        training, validation = (rows.dropna(subset=name) for name in ("training", "validation"))
        axes.plot(training["step"], training["training"], color=color, linewidth=0.7, alpha=0.6)
        axes.plot(validation["step"], validation["validation"], color=color, marker="o", markersize=4)
        shown = validation["validation"] if len(validation) else training["training"]
        if len(shown):
            ends.append(End(float(rows["step"].max()), float(shown.iloc[-1]), f"{percent:.0f} % of heads", color))
    for end in ends:
        axes.plot([end.x, longest], [end.y] * 2, color=end.color, linewidth=0.6, linestyle=":")
    axes.plot([], [], color=INK, linewidth=0.7, alpha=0.6, label="training texts of the step")
    axes.plot([], [], color=INK, marker="o", markersize=4, label="validation texts")
    axes.legend(loc="upper right", ncols=2)
    low, high = axes.get_ylim()
    axes.set_ylim(low, high * (high / low) ** 0.12)
    axes.set_xlim(0, longest)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set(xlabel="step of each share", ylabel="divergence, nats per token")
    axes.grid(axis="y")
    name_ends(axes, ends)
    return figure
