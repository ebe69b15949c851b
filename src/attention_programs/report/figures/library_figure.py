"""How much of the fit a library of programs reaches, by its size."""

import pandas as pd
from matplotlib.figure import Figure

from attention_programs.comparison.settings import ALL_MODELS
from attention_programs.report.figures.style import BLUE, FAINT, GREEN, MUTED, ORANGE, WIDTH

COLORS = (ORANGE, GREEN, MUTED)
"""Colours of single models, taken in turns."""
LEVELS = (90, 95, 98)


def draw_library(curve: pd.DataFrame) -> Figure:
    """One line per library on a logarithmic axis, with its 95 % band.

    Args:
        curve: ``library_curve.csv``.
    """
    figure = Figure(figsize=(WIDTH, 3.2), layout="constrained")
    axes = figure.add_subplot()
    axes.set_xscale("log")
    for level in LEVELS:
        axes.axhline(level, color=FAINT, linewidth=1, zorder=0)
    whole = curve[curve["library"] == curve["heads_of"]]
    for place, (name, rows) in enumerate(whole.groupby("library", sort=False)):
        joint = name == ALL_MODELS
        color = BLUE if joint else COLORS[(place - 1) % len(COLORS)]
        axes.fill_between(
            rows["programs"], rows["percent_low"], rows["percent_high"], color=color, alpha=0.2, linewidth=0
        )
        label, width = ("all models together", 2.0) if joint else (str(name), 1.2)
        axes.plot(rows["programs"], rows["percent"], color=color, linewidth=width, label=label)
    axes.set_ylim(min(80.0, float(whole["percent"].min()) - 4), 102)
    axes.xaxis.set_major_formatter("{x:.0f}")
    axes.set(xlabel="programs in the library", ylabel="% of the IoU of one program per head, test texts")
    axes.legend(loc="lower right")  # all lines end at 100 %, where names would crowd
    return figure
