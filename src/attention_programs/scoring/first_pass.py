"""Ruling out imported programs on a few validation texts, to save running them on all the others.

An imported library may have a thousand programs, each run in its own process, and few of them can ever be chosen for a
head. Those still in contention are run on all texts, and their numbers are exact.
"""

import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from attention_programs.attention.pattern_store import AttentionIndex, read_patterns, read_texts
from attention_programs.programs.record import ProgramRecord
from attention_programs.programs.run_result import Outcome, Reason, Rejected
from attention_programs.programs.runner import Finished, FinishingRunner
from attention_programs.programs.view import TokenView
from attention_programs.scoring.score_table import Run, as_arrays, score_texts
from attention_programs.scoring.workers import Workers

FIRST_TEXTS = 16
"""Validation texts of the first pass, evenly spaced; with fewer than twice as many there is no first pass."""
MARGIN = 0.02
"""The least mean IoU by which a program must be below the best to be ruled out."""
STANDARD_ERRORS = 4.0
"""Standard errors of the mean paired difference over texts, added to the margin."""


@dataclass(frozen=True)
class FirstPass:
    """The result of the first pass."""

    finished: Finished
    """Outcomes of all imported programs on the first texts."""
    ruled_out: frozenset[str]
    """Ids of programs that are not run on the other texts."""

    def before(self, finished: Finished) -> Run:
        """Gives all programs' outcomes on all texts; ruled-out programs have outcomes only on the first texts.

        Args:
            finished: Outcomes of the programs that are not ruled out.
        """
        rest = Rejected(Reason.RULED_OUT, "other programs fit every head better on the first texts")

        def short(program: ProgramRecord, view: TokenView) -> Outcome:
            return self.finished.outcomes([program], view)[0] if self.finished.holds(view) else rest

        def outcomes(programs: Sequence[ProgramRecord], view: TokenView) -> list[Outcome]:
            others = iter(finished.outcomes([one for one in programs if one.id not in self.ruled_out], view))
            return [short(one, view) if one.id in self.ruled_out else next(others) for one in programs]

        return outcomes


def first_pass(
    programs: Sequence[ProgramRecord],
    folder: Path,
    index: AttentionIndex,
    runner: FinishingRunner,
    kept: Path,
    look_ahead: Collection[str],
    workers: Workers,
) -> FirstPass:
    """Runs the imported untrusted programs on a few validation texts.

    Args:
        programs: All programs; trusted ones and those that are not imported are skipped.
        folder: The folder of patterns.
        index: Its index.
        runner: Runs the programs.
        kept: Where finished outcomes are kept.
        look_ahead: Names of programs that may go into a causal model although they look ahead.
        workers: How the scoring is divided among threads.
    """
    imported = [program for program in programs if program.author == "imported" and runner.is_untrusted(program)]
    texts = read_texts(folder, ["validation"]) if imported else []
    if len(texts) < 2 * FIRST_TEXTS:
        return FirstPass(runner.finish([], [], kept), frozenset())
    chosen = [texts[i] for i in np.linspace(0, len(texts) - 1, FIRST_TEXTS).astype(int)]
    views = [TokenView.of(text) for text in chosen]
    finished = runner.finish(imported, views, kept, check=False)
    patterns = read_patterns(folder, ["validation"], [text.key for text in chosen])
    scores = as_arrays(pa.concat_tables(score_texts(patterns, imported, finished.outcomes, workers)))
    stays = in_contention(imported, scores.iou, index.heads, index.causal, look_ahead)
    out = frozenset(program.id for program, stay in zip(imported, stays, strict=True) if not stay)
    print(
        f"{len(out)} of {len(imported)} imported programs are ruled out on {FIRST_TEXTS} validation texts: for every "
        f"head another is better by more than {MARGIN} mean IoU plus {STANDARD_ERRORS:g} standard errors",
        file=sys.stderr,
    )
    return FirstPass(finished, out)


def in_contention(
    programs: Sequence[ProgramRecord],
    iou: NDArray[np.float32],
    heads: Sequence[str],
    causal: bool,
    look_ahead: Collection[str],
) -> NDArray[np.bool_]:
    """Which programs could still be the best of any group that a head's program is chosen from.

    For each head the groups are: all programs; those that may go into the model; those written for the head.

    Args:
        programs: Imported programs.
        iou: Shape (texts, programs, heads).
        heads: Names of the heads.
        causal: Whether the model is causal.
        look_ahead: Names of programs that may go into a causal model although they look ahead.
    """
    stays = np.zeros(len(programs), bool)
    usable = np.flatnonzero([not causal or program.may_go_into_a_causal_model(look_ahead) for program in programs])
    for place, head in enumerate(heads):
        intended = np.flatnonzero([head in program.intended_heads for program in programs])
        for members in (np.arange(len(programs)), usable, intended):
            if len(members):
                stays[members] |= _close_to_best(iou[:, members, place].astype(np.float64))
    return stays


def _close_to_best(iou: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which programs are not clearly below the best mean; ``iou`` has shape (texts, programs)."""
    best = iou[:, [int(iou.mean(axis=0).argmax())]]
    below = best - iou
    errors = below.std(axis=0, ddof=1) / np.sqrt(len(below))
    close: NDArray[np.bool_] = below.mean(axis=0) <= MARGIN + STANDARD_ERRORS * errors
    return close
