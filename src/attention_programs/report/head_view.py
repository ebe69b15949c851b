"""One head on one text: program, scores, true and predicted pattern."""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from attention_programs.attention.pattern_store import TextAttention, read_index, read_patterns
from attention_programs.config import Config
from attention_programs.errors import UserError
from attention_programs.files import read_csv, write_text
from attention_programs.models.head import Head
from attention_programs.paths import Paths
from attention_programs.programs.record import ProgramRecord, read_programs
from attention_programs.programs.run_result import Rejected
from attention_programs.programs.view import TokenView
from attention_programs.untrusted.execution import SandboxRunner


@dataclass(frozen=True)
class HeadView:
    """Everything shown of a head."""

    head: Head
    program: ProgramRecord
    scores: str
    token_strings: tuple[str, ...]
    true_pattern: NDArray[np.float32]
    """The head's pattern, shape (n, n)."""
    predicted: NDArray[np.float32]
    """The program's pattern, shape (n, n)."""
    causal: bool
    """Whether the model is causal."""


def head_view(config: Config, paths: Paths, name: str, method: str, text: str) -> HeadView:
    """Looks up a head and computes its patterns on a text.

    Raises:
        UserError: if the head was not selected, the method is unknown, or a stage's files are missing.
    """
    head = Head.parse(name)
    index = read_index(paths.attention)
    if str(head) not in index.heads:
        raise UserError(
            f"head {head} was not selected: profile {config.profile!r} has {len(index.heads)} heads, "
            f"{index.heads[0]} to {index.heads[-1]}"
        )
    table = read_csv(paths.results / "heads.csv")
    rows = table[(table["head"] == str(head)) & (table["method"] == method)]
    if rows.empty:
        raise UserError(f"method {method!r} is unknown; heads.csv has {', '.join(table['method'].unique())}")
    row = rows.iloc[0]
    program = {p.id: p for p in read_programs(paths.programs)}[row["program_id"]]
    scores = (
        f"test IoU {row['iou_test']:.3f} (95 % {row['iou_test_low']:.3f} - {row['iou_test_high']:.3f}), "
        f"without the sink {row['sink_excluded_iou_test']:.3f}, JSD {row['jsd_test']:.3f}"
    )
    if text:
        mapped = _attention_of_own_text(config, paths, head, text)
    else:
        slot = index.heads.index(str(head))
        found = next(read_patterns(paths.attention, ["test"])).complete
        mapped = replace(found, entries=found.entries[slot : slot + 1])
    view = TokenView.of(mapped)
    with SandboxRunner(config.sandbox, 1, index.token_style) as runner:
        [outcome] = runner.outcomes([program], view)
    if isinstance(outcome, Rejected):
        raise UserError(f"program {program.name!r} fails on this text: {outcome.reason} ({outcome.message})")
    return HeadView(head, program, scores, mapped.token_strings, mapped.pattern(0), outcome.weights, index.causal)


def head_page(view: HeadView, target: Path) -> Path:
    """Writes a self-contained HTML page with a head's program, scores and both patterns.

    Raises:
        UserError: if the file can't be written.
    """
    from attention_programs.report.figures.pattern_figure import draw_patterns
    from attention_programs.report.figures.style import inline, save, styled
    from attention_programs.report.page import render

    with tempfile.TemporaryDirectory() as folder, styled():
        stem = Path(folder) / f"head-{view.head}"
        save(draw_patterns(view.token_strings, view.true_pattern, view.predicted, view.causal), stem)
        drawing = inline(stem.with_suffix(".svg"), f"Attention of head {view.head} and the pattern of its program")
    write_text(target, render("head.html.j2", view=view, drawing=drawing))
    return target


def _attention_of_own_text(config: Config, paths: Paths, head: Head, text: str) -> TextAttention:
    from attention_programs.attention.extraction import extract
    from attention_programs.models.loading import best_device, load_model

    loaded = load_model(paths.model, best_device())
    ids = loaded.encode(text, config.attention.max_tokens)
    if len(ids) <= loaded.template.tokens:
        raise UserError(f"the text {text!r} has no tokens; give a longer one")
    (found,) = next(extract(loaded, [[ids]], [head]))
    return found
