"""Perplexity against the share of heads that programs replace."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from attention_programs.config import Precision
from attention_programs.errors import UserError
from attention_programs.models.head import Head
from attention_programs.models.loading import LoadedModel
from attention_programs.programs.methods import FIRST_TOKEN, SELECTED, UNIFORM
from attention_programs.progress import progress
from attention_programs.scoring.assignments import Assignment
from attention_programs.scoring.bootstrap import Interval, interval_of_ratio, resample_weights
from attention_programs.surrogate.intervention import PatchedModel
from attention_programs.surrogate.losses import TextLoss, ids_losses
from attention_programs.surrogate.pattern_cache import PatternCache
from attention_programs.surrogate.rankings import ALONE
from attention_programs.surrogate.windows import Windows


def heads_at(ranking: Sequence[Head], percent: int) -> list[Head]:
    """The first ``percent`` of the heads in an order, to the nearest whole head.

    >>> [str(h) for h in heads_at([Head(0, i) for i in range(5)], 50)]
    ['L0H0', 'L0H1']
    """
    return list(ranking[: round(len(ranking) * percent / 100)])


def increase_interval(original: Sequence[TextLoss], patched: Sequence[TextLoss], weights: np.ndarray) -> Interval:
    """Increase of corpus perplexity in percent, with a paired bootstrap over texts.

    The log of the ratio is the mean difference of losses per token, so both runs resample the same texts.
    """
    tokens = np.array([loss.tokens for loss in original], dtype=float)
    difference = np.array([p.loss_sum - i.loss_sum for p, i in zip(patched, original, strict=True)])
    log_ratio = interval_of_ratio(difference, tokens, weights)
    mean, low, high = (100 * (np.exp(value) - 1) for value in (log_ratio.mean, log_ratio.low, log_ratio.high))
    return Interval(float(mean), float(low), float(high))


REPLACING = (UNIFORM, FIRST_TOKEN)
"""Baselines that are put into heads, in the order of ``perplexity.csv``."""


@dataclass(frozen=True)
class Curve:
    """One line of the figure: which programs, in which order, at which shares."""

    programs: str
    ranking: str
    replaced: Mapping[int, Assignment]
    """Heads and their programs, by share of the heads in percent."""


def shares(assignment: Assignment, ranking: Sequence[Head], percents: Sequence[int]) -> dict[int, Assignment]:
    """The heads that are replaced at each share, if each has the same program at all of them."""
    return {percent: {head: assignment[head] for head in heads_at(ranking, percent)} for percent in percents}


def curves_of(
    distilled: Curve,
    assignments: Mapping[str, Assignment],
    rankings: Mapping[str, Sequence[Head]],
    percents: Sequence[int],
) -> list[Curve]:
    """All lines of the figure: the distilled programs, the selected ones in every order, and the baselines.

    Args:
        distilled: The distilled programs in their order.
        assignments: Programs of all heads, by method: the selected ones and the baselines.
        rankings: All rankings, by name; baselines are replaced in that of single effects.
        percents: Shares at which the others are measured.
    """
    own = assignments[SELECTED]
    selected = [Curve(SELECTED, name, shares(own, ranking, percents)) for name, ranking in rankings.items()]
    baselines = [Curve(name, ALONE, shares(assignments[name], rankings[ALONE], percents)) for name in REPLACING]
    return [distilled, *selected, *baselines]


@dataclass(frozen=True)
class Point:
    """A curve at one share of the heads: the losses with these heads replaced, text by text."""

    programs: str
    ranking: str
    percent: int
    heads: int
    losses: list[TextLoss]


@dataclass(frozen=True)
class Measured:
    """All points of some curves, on the same texts."""

    original: list[TextLoss]
    """Losses of the original model, text by text."""
    points: list[Point]


def measure_curves(
    loaded: LoadedModel,
    curves: Sequence[Curve],
    texts: Windows,
    batch_texts: int,
    cache: PatternCache,
    look_ahead: Collection[str] = (),
    precision: Precision = "float32",
) -> Measured:
    """Measures every curve at every share on the same texts; equal sets of heads and programs are measured once.

    At no head at all the model is unpatched to the last bit, so that share is not measured again.

    Raises:
        UserError: if no text holds a token to predict.
    """
    original = texts.by_text(ids_losses(loaded, texts.ids, batch_texts, precision))
    if not sum(loss.tokens for loss in original):
        raise UserError(f"the {len(original)} texts hold no token to predict; raise attention.max_tokens or add texts")
    known = {frozenset[tuple[Head, str]](): original}
    points = []
    work = [(curve, percent, replaced) for curve in curves for percent, replaced in curve.replaced.items()]
    for curve, percent, replaced in progress(work, "perplexity of surrogates", unit="points"):
        key = frozenset((head, program.id) for head, program in replaced.items())
        if key not in known:
            with PatchedModel(loaded, replaced, cache, look_ahead) as patched:
                known[key] = texts.by_text(ids_losses(patched, texts.ids, batch_texts, precision))
        points.append(Point(curve.programs, curve.ranking, percent, len(replaced), known[key]))
    return Measured(original, points)


def perplexity_table(measured: Measured, samples: int, seed: int, reference: str = "") -> pd.DataFrame:
    """One row a curve and share: perplexity, its increase over the original model's, and over that of a reference.

    Args:
        measured: The points.
        samples: Resamples of texts.
        seed: Of the resamples, the same for all rows.
        reference: Programs whose curve the others are compared with at the same share, text by text; none if empty.

    Returns:
        Increases in percent with their 95 % intervals; ``above``, ``above_low``, ``above_high`` are over the reference.
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
