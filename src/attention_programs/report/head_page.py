"""One head on one text as a page."""

import tempfile
from pathlib import Path

from attention_programs.files import write_text
from attention_programs.report.figures.maps import draw_maps
from attention_programs.report.figures.style import inline, save, styled
from attention_programs.report.head_view import HeadView
from attention_programs.report.page import render


def head_page(view: HeadView, target: Path) -> Path:
    """Writes a page that shows a head: program, scores, both maps; it needs nothing else.

    Raises:
        UserError: if the place can't be written.
    """
    with tempfile.TemporaryDirectory() as folder, styled():
        stem = Path(folder) / f"head-{view.head}"
        save(draw_maps(view.pieces, view.real, view.predicted, view.causal), stem)
        drawing = inline(stem.with_suffix(".svg"), f"Attention of head {view.head} and the map of its program")
    write_text(target, render("head.html.j2", view=view, drawing=drawing))
    return target
