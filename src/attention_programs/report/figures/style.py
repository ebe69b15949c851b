"""The style of all figures, and how they are saved byte for byte reproducibly."""

import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

import matplotlib as mpl
import numpy as np
from markupsafe import Markup, escape
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray

from attention_programs.files import replacing, write_text

WIDTH = 7.4
"""Inches; at this width, 8-point text is readable on a page."""
PALETTE = {
    "paper": "#ffffff",
    "ink": "#1d2126",
    "muted": "#626a75",
    "faint": "#d5d9df",
    "grey": "#a4abb5",
    "blue": "#0b68ad",
    "orange": "#c7540a",
    "green": "#0d8064",
    "purple": "#7b4ba8",
    "pink": "#b8437f",
}
"""Colours (distinguishable with all common kinds of colour vision) by the page's variables that replace them."""
PAPER, INK, MUTED, FAINT, GREY, BLUE, ORANGE, GREEN, PURPLE, PINK = PALETTE.values()
SETTINGS = {
    "svg.fonttype": "none",
    "svg.hashsalt": "attention-programs",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 8,
    "text.parse_math": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 8,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.facecolor": PAPER,
    "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "savefig.dpi": 180,
    "grid.color": FAINT,
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.6,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.frameon": False,
}


TOOLTIP = "tooltip:"
"""Begins the ``gid`` of what shows the rest of it as a tooltip."""


@contextmanager
def styled() -> Iterator[None]:
    """Draws and saves in the project's style, without changing matplotlib's global settings."""
    with mpl.rc_context({**mpl.rcParamsDefault, "backend": "agg", **SETTINGS}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def shades(color: str) -> LinearSegmentedColormap:
    """From transparent to ``color``, so that a pattern is readable on light and dark; unknown entries stay empty."""
    red, green, blue = to_rgb(color)
    ends = [(red, green, blue, 0.0), (red, green, blue, 1.0)]
    return LinearSegmentedColormap.from_list(f"shades {color}", ends, bad=(0, 0, 0, 0))


def spread(positions: Sequence[float], gap: float) -> NDArray[np.float64]:
    """Moves label positions apart until neighbours are at least ``gap`` apart, keeping their order.

    >>> spread([0.0, 0.1, 5.0], gap=1.0).tolist()
    [-0.45, 0.55, 5.0]
    """
    wanted = np.asarray(positions, dtype=float)
    order = np.argsort(wanted, kind="stable")
    blocks: list[list[float]] = []
    for value in wanted[order]:
        blocks.append([value])
        while len(blocks) > 1 and _low(blocks[-1], gap) - _high(blocks[-2], gap) < gap:
            blocks[-2:] = [blocks[-2] + blocks[-1]]
    placed = np.concatenate([_low(block, gap) + gap * np.arange(len(block)) for block in blocks]) if blocks else wanted
    result = np.empty_like(wanted)
    result[order] = placed
    return result


def _low(block: Sequence[float], gap: float) -> float:
    """Position of a block's first label when the block is centred on the positions its labels want."""
    return float(np.mean(block)) - gap * (len(block) - 1) / 2


def _high(block: Sequence[float], gap: float) -> float:
    return _low(block, gap) + gap * (len(block) - 1)


def save(figure: Figure, stem: Path) -> None:
    """Writes ``stem.svg`` and ``stem.png``; equal figures give equal bytes.

    Where the ``gid`` of a part begins with ``TOOLTIP``, pointing at the part shows the rest of it.

    Raises:
        UserError: if a file can't be written.
    """
    drawing = StringIO()
    figure.savefig(drawing, format="svg", metadata={"Date": None})
    tooltips = re.sub(f'<g id="{TOOLTIP}([^"]+)">', r"<g><title>\1</title>", drawing.getvalue())
    write_text(stem.with_suffix(".svg"), tooltips)
    with replacing(stem.with_suffix(".png")) as unfinished:
        figure.savefig(unfinished, format="png", metadata={"Software": None})


def inline(svg: Path, alternative: str) -> Markup:
    """A saved figure as scalable markup with the page's colours and fonts, and with alternative text."""
    drawing = svg.read_text(encoding="utf-8")
    drawing = drawing[drawing.index("<svg") :]
    drawing = re.sub(r"<metadata>.*?</metadata>|<style type=.*?</style>", "", drawing, flags=re.DOTALL)
    prefix = f"{svg.stem}-"
    drawing = re.sub(r'(<[^>]*\b)id="', rf'\1id="{prefix}', drawing)
    drawing = drawing.replace("url(#", f"url(#{prefix}").replace('href="#', f'href="#{prefix}')
    for variable, color in PALETTE.items():
        drawing = re.sub(rf"(fill|stroke): {color}", rf"\1: var(--{variable})", drawing)
    size = re.search(r'viewBox="[^"]*"', drawing)
    if size is None:
        raise ValueError(f"{svg} has no viewBox")
    names = 'xmlns:xlink="http://www.w3.org/1999/xlink"'
    opening = f'<svg {size[0]} {names} role="img" aria-label="{escape(alternative)}">'
    return Markup(opening + drawing[drawing.index(">") + 1 :])  # noqa: S704 - our own drawing; its texts are escaped
