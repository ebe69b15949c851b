"""How well a program predicts a head, with intervals over texts."""

import html
from dataclasses import dataclass

import numpy as np

from attention_programs.api.patterns import Patterns
from attention_programs.api.program import Program
from attention_programs.attention.metrics import iou, jensen_shannon_distance, sink_excluded_iou
from attention_programs.errors import UserError
from attention_programs.models.head import Head
from attention_programs.programs.run_result import Scored
from attention_programs.scoring.bootstrap import Interval, interval_of_means, resample_weights

SAMPLES = 2000
"""Resamples of texts for an interval."""


@dataclass(frozen=True)
class Score:
    """Means over texts with 95 % studentized bootstrap intervals."""

    iou: Interval
    """Intersection over union, 0 to 1."""
    sink_excluded_iou: Interval
    """The same without the first column, the attention sink."""
    jensen_shannon: Interval
    """Jensen-Shannon distance, 0 to 1; lower is better."""
    texts: int
    """Texts scored."""
    failed: int = 0
    """Texts that the program failed on, which count as 0 (a distance of 1)."""

    def __str__(self) -> str:
        parts = (
            f"IoU {_shown(self.iou)}",
            f"without the sink {_shown(self.sink_excluded_iou)}",
            f"JSD {_shown(self.jensen_shannon)}",
            f"{self.texts} texts" + (f", {self.failed} failed" if self.failed else ""),
        )
        return ", ".join(parts)

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(str(self))}</p>"


def _shown(interval: Interval) -> str:
    bounds = "" if np.isnan(interval.low) else f" [{interval.low:.3f}, {interval.high:.3f}]"
    return f"{interval.mean:.3f}{bounds}"


def score(program: Program, patterns: Patterns, head: str | Head, *, seed: int = 0) -> Score:
    """Scores a program on a head: on the test texts, if the patterns have several splits.

    Args:
        program: The program.
        patterns: Texts with the head's patterns.
        head: The head, like ``L5H1``.
        seed: Seed of the resamples.

    Raises:
        UserError: if the head or every text is missing.
    """
    splits = {text.split for text in patterns.mapped}
    chosen = patterns.test if len(splits) > 1 else patterns
    if not len(chosen):
        raise UserError("there are no texts to score on; the patterns have no test texts")
    rows, failed = [], 0
    for number in range(len(chosen)):
        outcome, packing = program.run(chosen.view(number)), chosen.mapped[number].packing
        if isinstance(outcome, Scored):
            counted = packing.weights[:, None]
            true, predicted = counted * chosen.pattern(head, number), counted * outcome.weights[packing.rows]
            measures = (iou, sink_excluded_iou, jensen_shannon_distance)
            rows.append([measure(true, predicted) for measure in measures])
        else:
            failed += 1
            rows.append([0.0, 0.0, 1.0])
    weights = resample_weights(len(rows), SAMPLES, np.random.default_rng(seed))
    fits, excluded, distance = interval_of_means(np.array(rows), weights)
    return Score(fits, excluded, distance, len(rows), failed)
