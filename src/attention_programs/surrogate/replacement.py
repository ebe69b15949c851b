"""Perplexity by percentage of heads replaced by programs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from attention_programs.models.head import Head
from attention_programs.programs.methods import FIRST_TOKEN, SELECTED, UNIFORM
from attention_programs.progress import progress
from attention_programs.scoring.assignments import Assignment
from attention_programs.scoring.bootstrap import Interval, interval_of_ratio, resample_weights
from attention_programs.surrogate.constant_output import Replaced, Replacement
from attention_programs.surrogate.loss_meter import LossMeter
from attention_programs.surrogate.losses import TextLoss
from attention_programs.surrogate.rankings import ALONE

SomeReplacement = TypeVar("SomeReplacement", bound=Replacement)


def heads_at(ranking: Sequence[Head], percent: int) -> list[Head]:
    """The first ``percent`` of a head ranking, to the nearest whole head.

    >>> [str(h) for h in heads_at([Head(0, i) for i in range(5)], 50)]
    ['L0H0', 'L0H1']
    """
    return list(ranking[: round(len(ranking) * percent / 100)])


def increase_interval(original: Sequence[TextLoss], patched: Sequence[TextLoss], weights: np.ndarray) -> Interval:
    """Increase of corpus perplexity in percent, with a paired bootstrap over texts.

    The log ratio is the mean difference in loss per token, so both runs resample the same texts.
    """
    tokens = np.array([loss.tokens for loss in original], dtype=float)
    difference = np.array([p.loss_sum - i.loss_sum for p, i in zip(patched, original, strict=True)])
    return increase_of_differences(difference, tokens, weights)


def increase_of_differences(
    differences: NDArray[np.floating], tokens: NDArray[np.floating], weights: NDArray[np.float64]
) -> Interval:
    """Increase of corpus perplexity in percent, from each text's difference in summed loss, nats.

    Args:
        differences: Shape (texts,).
        tokens: Predicted tokens, shape (texts,).
        weights: Resamples of the texts.
    """
    log_ratio = interval_of_ratio(differences, tokens, weights)
    mean, low, high = (100 * (np.exp(value) - 1) for value in (log_ratio.mean, log_ratio.low, log_ratio.high))
    return Interval(float(mean), float(low), float(high))


REPLACING = (UNIFORM, FIRST_TOKEN)
"""Baselines that heads are replaced by, in the order of ``perplexity.csv``."""


@dataclass(frozen=True)
class Curve:
    """One curve: the programs, the ranking, and the heads replaced at each percentage."""

    programs: str
    ranking: str
    replaced: Mapping[int, Replaced]
    """Heads and what replaces them, by percentage of heads."""


def replaced_at(
    assignment: Mapping[Head, SomeReplacement], ranking: Sequence[Head], percents: Sequence[int]
) -> dict[int, dict[Head, SomeReplacement]]:
    """The heads replaced at each percentage, each by the same program or constant at all of them."""
    return {percent: {head: assignment[head] for head in heads_at(ranking, percent)} for percent in percents}


def curves_of(
    distilled: Curve,
    assignments: Mapping[str, Assignment],
    rankings: Mapping[str, Sequence[Head]],
    percents: Sequence[int],
) -> list[Curve]:
    """All curves: the distilled programs, the selected ones in every ranking, and the baselines.

    Args:
        distilled: The curve of the distilled programs.
        assignments: Programs of all heads by method: the selected ones and the baselines.
        rankings: All rankings by name; baselines use that of single-head ablation effects.
        percents: Percentages of heads at which the other curves are measured.
    """
    own = assignments[SELECTED]
    selected = [Curve(SELECTED, name, replaced_at(own, ranking, percents)) for name, ranking in rankings.items()]
    baselines = [Curve(name, ALONE, replaced_at(assignments[name], rankings[ALONE], percents)) for name in REPLACING]
    return [distilled, *selected, *baselines]


@dataclass(frozen=True)
class Point:
    """A curve at one percentage of heads: the losses with these heads replaced, one per text."""

    programs: str
    ranking: str
    percent: int
    heads: int
    losses: list[TextLoss]


@dataclass(frozen=True)
class Measured:
    """All points of some curves on the same texts."""

    original: list[TextLoss]
    """Losses of the original model, one per text."""
    points: list[Point]


def measure_curves(meter: LossMeter, curves: Sequence[Curve]) -> Measured:
    """Measures every curve at every percentage."""
    work = [(curve, percent, replaced) for curve in curves for percent, replaced in curve.replaced.items()]
    points = [
        Point(curve.programs, curve.ranking, percent, len(replaced), meter.losses(replaced))
        for curve, percent, replaced in progress(work, "perplexity of surrogates", unit="points")
    ]
    return Measured(meter.original, points)


def perplexity_table(measured: Measured, samples: int, seed: int, reference: str = "") -> pd.DataFrame:
    """One row per curve and percentage: perplexity and its increase over the original model and over a reference.

    Args:
        measured: The points.
        samples: Number of bootstrap resamples of texts.
        seed: Seed of the resamples, the same for all rows.
        reference: Programs to compare the others with at the same percentage, paired by text; none if empty.

    Returns:
        Increases in percent with 95 % intervals; ``above``, ``above_low`` and ``above_high`` are over the reference.
    """
    original = measured.original
    weights = resample_weights(len(original), samples, np.random.default_rng(seed))
    tokens = sum(loss.tokens for loss in original)
    references = {point.percent: point for point in measured.points if point.programs == reference}
    rows = []
    for point in measured.points:
        increase = increase_interval(original, point.losses, weights)
        above = Interval(math.nan, math.nan, math.nan)
        if point.programs != reference and point.percent in references:
            above = increase_interval(references[point.percent].losses, point.losses, weights)
        total = sum(loss.loss_sum for loss in point.losses)
        rows.append(
            {
                "programs": point.programs,
                "ranking": point.ranking,
                "percent": point.percent,
                "heads_replaced": point.heads,
                "texts": len(original),
                "tokens": tokens,
                "perplexity": float(np.exp(total / tokens)),
                "increase": increase.mean,
                "low": increase.low,
                "high": increase.high,
                "above": above.mean,
                "above_low": above.low,
                "above_high": above.high,
            }
        )
    return pd.DataFrame(rows)


def table_of_parts(
    measured: Mapping[int, Measured] | Mapping[str, Measured], part: str, samples: int, seed: int
) -> pd.DataFrame:
    """One row per part, curve and percentage, as in :func:`perplexity_table`; only columns if nothing was measured.

    Args:
        measured: What was measured on each part: texts of a length, or those of a corpus.
        part: The name of the column that says which.
        samples: Number of bootstrap resamples of texts.
        seed: Seed of the resamples, the same for all rows.
    """
    columns = [part, "programs", "ranking", "percent", "texts", "tokens", "perplexity", "increase", "low", "high"]
    tables = [perplexity_table(points, samples, seed).assign(**{part: name}) for name, points in measured.items()]
    # Not concatenated with an empty table, which has no types: numbers would be written without being rounded.
    return (pd.concat(tables) if tables else pd.DataFrame(columns=columns))[columns]


def on_texts(measured: Measured, places: Sequence[int]) -> Measured:
    """The same points on some of the texts, by their places."""

    def some(losses: Sequence[TextLoss]) -> list[TextLoss]:
        return [losses[place] for place in places]

    return Measured(some(measured.original), [replace(each, losses=some(each.losses)) for each in measured.points])
