"""Figures on the cost of replacing heads: distillation by step, rankings."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from attention_programs.report.estimate import Estimate, percent_text
from attention_programs.report.figures.lines import End, name_ends
from attention_programs.report.figures.style import BLUE, GREEN, GREY, INK, MUTED, ORANGE, WIDTH
from attention_programs.surrogate.rankings import RANKINGS

COLORS = (BLUE, ORANGE, GREEN, INK, MUTED)
"""Colours by percentage of heads, from the smallest."""


def draw_distillation(table: pd.DataFrame) -> Figure:
    """Thin lines: each step's training texts; rings: validation texts, before the step.

    Args:
        table: Rows of ``distillation.csv`` for the output loss.
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
    axes.set(xlabel="step", ylabel="divergence, nats per token")
    axes.grid(axis="y")
    name_ends(axes, ends)
    return figure


def draw_rankings(table: pd.DataFrame) -> Figure:
    """One panel per fraction of heads, one bar per ranking; the chosen ranking is blue.

    Args:
        table: ``ranking_choice.csv``.
    """
    rankings = [ranking for ranking in RANKINGS if (table["ranking"] == ranking).any()]
    percents = sorted(table["percent"].unique())
    chosen = set(table.loc[table["chosen"] > 0, "ranking"])
    figure = Figure(figsize=(WIDTH, 0.28 * len(rankings) + 0.75), layout="constrained")
    panels = figure.subplots(1, len(percents), sharey=True, squeeze=False).ravel()
    colors = [BLUE if ranking in chosen else GREY for ranking in rankings]
    for axes, percent in zip(panels, percents, strict=True):
        rows = table[table["percent"] == percent].set_index("ranking")["increase_validation"]
        values = [float(rows[ranking]) for ranking in rankings]
        axes.barh(range(len(rankings)), values, color=colors, height=0.62)
        for position, value in enumerate(values):
            axes.annotate(percent_text(Estimate(value)), (max(value, 0), position), (4, 0), va="center",
                          textcoords="offset points", annotation_clip=False)  # fmt: skip
        axes.set_title(f"{percent:g} % of heads")
        axes.set_xlim(min(0.0, *values), 1.35 * max(*values, 1e-9))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} %"))
        axes.locator_params(axis="x", nbins=4)
        axes.tick_params(axis="y", length=0)
        axes.axvline(0, color=MUTED, linewidth=0.6)
    names = [f"{RANKINGS[ranking].short}{' (chosen)' if ranking in chosen else ''}" for ranking in rankings]
    panels[0].set_yticks(range(len(rankings)), names)
    panels[0].set_ylim(len(rankings) - 0.5, -0.5)
    figure.supxlabel("perplexity increase on validation texts", fontsize=8)
    return figure
