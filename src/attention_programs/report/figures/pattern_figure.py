"""One head on one text: its true pattern and the one its program predicts, side by side."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from attention_programs.programs.tokens import Array
from attention_programs.report.figures.style import BLUE, FAINT, MUTED, WIDTH, shades
from attention_programs.report.terminal import token_label

SHOWN_TOKENS = 28
"""Maximum number of tokens drawn: with more, their labels would be unreadable."""


def draw_patterns(token_strings: Sequence[str], true_pattern: Array, predicted: Array, causal: bool) -> Figure:
    """Two patterns of the text's first tokens; rows are queries, columns are keys.

    Args:
        token_strings: Token strings, length n.
        true_pattern: The head's attention, shape (n, n).
        predicted: The program's, shape (n, n).
        causal: Whether cells above the diagonal are empty by construction.
    """
    shown = min(len(token_strings), SHOWN_TOKENS)
    labels = [token_label(token_string) for token_string in token_strings[:shown]]
    figure = Figure(figsize=(WIDTH, 4.1), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for axes, title, weights in ((left, "The head", true_pattern), (right, "Its program", predicted)):
        image = axes.imshow(weights[:shown, :shown], cmap=shades(BLUE), norm=PowerNorm(0.5, 0, 1), interpolation="none")
        axes.set_title(title)
        axes.set_xticks(range(shown), labels, rotation=90, fontsize=6)
        axes.set_yticks(range(shown), labels, fontsize=6)
        axes.tick_params(length=0, pad=2)
        _frame(axes, shown, causal)
    left.set_ylabel("token that attends", color=MUTED)
    figure.supxlabel("token attended to", fontsize=8, color=MUTED)
    bar = figure.colorbar(image, ax=[left, right], pad=0.01, aspect=30, shrink=0.75, ticks=[0, 0.05, 0.2, 0.5, 1])
    bar.outline.set_visible(False)
    bar.set_label("attention weight", color=MUTED)
    bar.ax.tick_params(length=2)
    return figure


def _frame(axes: Axes, shown: int, causal: bool) -> None:
    for spine in axes.spines.values():
        spine.set_visible(False)
    edge = shown - 0.5
    steps = np.repeat(np.arange(shown + 1) - 0.5, 2)
    right, down = (steps[1:-1], steps[:-2]) if causal else ([-0.5, edge], [-0.5, -0.5])
    axes.plot([-0.5, *right, edge, -0.5, -0.5], [-0.5, *down, edge, edge, -0.5], color=FAINT, linewidth=0.6)
