"""Which kinds of programs are where in the model."""

import numpy as np
import pandas as pd
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from attention_programs.categories.kinds import CATEGORIES
from attention_programs.models.head import Head
from attention_programs.report.figures.style import FAINT, PALETTE, WIDTH


def draw_categories(categories: pd.DataFrame, layers: int, heads_per_layer: int) -> Figure:
    """A map of layers and heads by category, and the share of each category by layer.

    Args:
        categories: ``categories.csv``.
        layers: Number of layers of the model.
        heads_per_layer: Number of heads in each.
    """
    order = [key for key in CATEGORIES if (categories["category"] == key).any()]
    colors = [PALETTE[CATEGORIES[key].color] for key in order]
    grid = np.full((heads_per_layer, layers), np.nan)
    for name, category in zip(categories["head"], categories["category"], strict=True):
        head = Head.parse(str(name))
        grid[head.index, head.layer] = order.index(str(category))
    figure = Figure(figsize=(WIDTH, 1.9 + 0.17 * heads_per_layer), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[0.17 * heads_per_layer, 1.1])
    colormap = ListedColormap(colors)
    top.imshow(np.ma.masked_invalid(grid), cmap=colormap, vmin=-0.5, vmax=len(order) - 0.5, interpolation="none",
               aspect="auto")  # fmt: skip
    top.hlines(np.arange(heads_per_layer + 1) - 0.5, -0.5, layers - 0.5, color=FAINT, linewidth=0.4)
    top.vlines(np.arange(layers + 1) - 0.5, -0.5, heads_per_layer - 0.5, color=FAINT, linewidth=0.4)
    top.set(ylabel="head")
    known = np.maximum((~np.isnan(grid)).sum(axis=0), 1)
    base = np.zeros(layers)
    for number, key in enumerate(order):
        share = 100 * (grid == number).sum(axis=0) / known
        bottom.bar(range(layers), share, bottom=base, color=colors[number], width=0.86, label=CATEGORIES[key].label)
        base += share
    bottom.set(xlabel="layer", ylabel="% of heads")
    bottom.set_ylim(0, 100)
    for axes in (top, bottom):
        axes.tick_params(length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
    figure.legend(loc="outside lower left", ncols=4, handlelength=1.0, handleheight=1.0)
    return figure
