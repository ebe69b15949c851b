"""The page's figures: drawn once, saved, and put into the page."""

from pathlib import Path

from matplotlib.figure import Figure

from attention_programs.report.captions import Caption, FigureView
from attention_programs.report.figures.style import inline, save


class Gallery:
    """Saves figures.

    Args:
        folder: Where the files go.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, name: str, figure: Figure, caption: Caption) -> FigureView:
        """Saves a figure under a name; its caption's first sentences are what readers who can't see it get."""
        stem = self._folder / name
        save(figure, stem)
        return FigureView(name, caption, inline(stem.with_suffix(".svg"), f"{caption.title}. {caption.reading}"))
