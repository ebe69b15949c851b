"""Every head of the model: how well its program fits, and what replacing it costs."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.colors import Colormap, Normalize, PowerNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray

from attention_programs.models.head import Head
from attention_programs.programs.methods import SELECTED
from attention_programs.report.figures.style import BLUE, FAINT, ORANGE, WIDTH, shades

WIDE = 1.5
"""Layers per head from which the two panels are stacked vertically."""


def draw_grid(heads: pd.DataFrame, ablation_effect: pd.DataFrame, layers: int, heads_per_layer: int) -> Figure:
    """Two heat maps with layers from left to right: test IoU of the selected program; ablation effect of the head."""
    selected = heads[heads["method"] == SELECTED]
    fit = _grid(selected.set_index("head")["iou_test"], layers, heads_per_layer)
    cost = _grid(ablation_effect.set_index("head")["ablation_effect"], layers, heads_per_layer)
    below = layers >= WIDE * heads_per_layer
    cell = (WIDTH - 1.2) / layers if below else (WIDTH / 2 - 1.0) / layers
    height = cell * heads_per_layer + 0.75
    figure = Figure(figsize=(WIDTH, 2 * height if below else height + 0.3), layout="constrained")
    first, second = figure.subplots(2 if below else 1, 1 if below else 2, squeeze=False).ravel()
    _panel(first, fit, "Test IoU of the selected program", shades(BLUE), Normalize(0, 1))
    highest = max(float(np.nanmax(cost, initial=0.0)), 1e-6)
    title = "Single-head ablation effect, nats per token"
    bar = _panel(second, np.maximum(cost, 0), title, shades(ORANGE), PowerNorm(0.4, 0, highest))
    ticks = [highest * share for share in (0.0, 0.02, 0.1, 0.3, 1.0)]
    bar.set_ticks(ticks, labels=[f"{tick:.2g}" for tick in ticks])
    return figure


def _grid(values: pd.Series, layers: int, heads_per_layer: int) -> NDArray[np.float64]:
    grid = np.full((heads_per_layer, layers), np.nan)
    for name, value in values.items():
        head = Head.parse(str(name))
        grid[head.index, head.layer] = value
    return grid


def _panel(axes: Axes, grid: NDArray[np.float64], title: str, colors: Colormap, norm: Normalize) -> Colorbar:
    rows, columns = grid.shape
    image = axes.imshow(np.ma.masked_invalid(grid), cmap=colors, norm=norm, interpolation="none")
    axes.set_title(title)
    axes.set(xlabel="layer", ylabel="head")
    axes.set_xticks(range(0, columns, 1 if columns <= 16 else 2 if columns <= 32 else 4))
    axes.set_yticks(range(0, rows, 1 if rows <= 16 else 2 if rows <= 32 else 4))
    axes.hlines(np.arange(rows + 1) - 0.5, -0.5, columns - 0.5, color=FAINT, linewidth=0.4)
    axes.vlines(np.arange(columns + 1) - 0.5, -0.5, rows - 0.5, color=FAINT, linewidth=0.4)
    axes.tick_params(length=0)
    axes.plot(*np.argwhere(np.isnan(grid)).T[::-1], "x", color=FAINT, markersize=3)
    for spine in axes.spines.values():
        spine.set_visible(False)
    bar = axes.figure.colorbar(image, ax=axes, pad=0.015, aspect=14, shrink=0.8)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=2)
    return bar
