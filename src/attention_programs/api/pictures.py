"""SVG drawings for a notebook."""

import html
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

CELL = 9
"""Side of a cell, pixels."""
SHOWN = 40
"""Maximum number of tokens drawn."""


def pattern_svg(pattern: NDArray[np.floating], tokens: Sequence[str], title: str) -> str:
    """An attention pattern as an SVG drawing: rows attend to columns, darker is more.

    Shades follow the square root of the weight, so that small ones are visible; each cell's tooltip has the numbers.

    Args:
        pattern: Shape (n, n).
        tokens: Token strings, length n.
        title: Caption above the drawing.
    """
    n = min(len(tokens), SHOWN)
    cells = [
        f'<rect x="{column * CELL}" y="{row * CELL}" width="{CELL}" height="{CELL}" '
        f'fill-opacity="{min(float(pattern[row, column]), 1.0) ** 0.5:.2f}">'
        f"<title>{_shown(tokens[row])} → {_shown(tokens[column])}: {pattern[row, column]:.2f}</title></rect>"
        for row in range(n)
        for column in range(n)
        if pattern[row, column] >= 0.005
    ]
    side = n * CELL
    drawing = (
        f'<svg role="img" aria-label="{html.escape(title)}" width="{side}" height="{side}" viewBox="0 0 {side} {side}" '
        f'style="border:1px solid #999;background:#fff" fill="#1f4e79">{"".join(cells)}</svg>'
    )
    more = f", first {n} of {len(tokens)} tokens" if len(tokens) > n else ""
    return (
        f'<figure style="display:inline-block;margin:4px 12px"><figcaption>{html.escape(title)}{more}</figcaption>'
        f"{drawing}</figure>"
    )


def _shown(token: str) -> str:
    return html.escape(token.replace("\n", "\\n"))
