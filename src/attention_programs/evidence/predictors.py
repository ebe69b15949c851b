"""What a head's fit says about its importance: rank correlations over heads, and why a cumulative one says nothing."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from attention_programs.evidence.conditions import CORRECT
from attention_programs.scoring.bootstrap import Interval, Values, rank_correlation

PREDICTORS = {
    "iou_test": "IoU",
    "sink_excluded_iou_test": "IoU without the first column",
    "first_token": "attention to the first token",
    "entropy": "entropy of the pattern",
}
"""What may predict a head's effect, by column: measured on test texts, like the effects."""
EFFECTS = ("ablation_effect", "loss_increase")
"""Columns of an effect: KL divergence of the predictions, and increase of the loss."""
SHUFFLES = 1000
FEWEST_HEADS = 10
"""With fewer heads a correlation has no interval."""


def correlation_interval(first: Values, second: Values, samples: int, generator: np.random.Generator) -> Interval:
    """Spearman's rank correlation with its 95 % interval, by the BCa bootstrap over heads.

    Args:
        first: One value per head.
        second: The same.
        samples: Number of resamples.
        generator: Draws them.

    >>> x = np.arange(40.0)
    >>> correlation_interval(x, x**2, 100, np.random.default_rng(0)).mean
    1.0
    """
    from scipy.stats import bootstrap  # takes most of a second, too slow for commands that read tables

    found = rank_correlation(first, second)
    if not np.isfinite(found) or abs(found) > 1 - 1e-12 or len(first) < FEWEST_HEADS:
        return Interval(found, float("nan"), float("nan"))
    interval = bootstrap(
        (first, second), rank_correlation, paired=True, vectorized=False, n_resamples=samples, rng=generator
    ).confidence_interval
    return Interval(found, float(interval.low), float(interval.high))


def correlation_table(
    effects: pd.DataFrame, fits: pd.DataFrame, samples: int, generator: np.random.Generator
) -> pd.DataFrame:
    """One row per kind of replacement, effect and predictor: their rank correlation over heads.

    Args:
        effects: One row per head and replacement (``replaced_by``) with ``EFFECTS`` and the ranking's reliability.
        fits: One row per head with the columns of ``PREDICTORS``.
        samples: Bootstrap resamples of heads.
        generator: Draws them.
    """
    rows = []
    for replaced_by, own in effects.groupby("replaced_by", sort=False):
        joined = own.merge(fits, on="head")
        for effect in EFFECTS:
            for predictor in PREDICTORS:
                values = joined[predictor].to_numpy(float), joined[effect].to_numpy(float)
                found = correlation_interval(*values, samples, generator)
                rows.append(
                    {
                        "replaced_by": replaced_by,
                        "effect": effect,
                        "predictor": predictor,
                        "heads": len(joined),
                        "rank_correlation": found.mean,
                        "low": found.low,
                        "high": found.high,
                    }
                )
    columns = ["replaced_by", "effect", "predictor", "heads", "rank_correlation", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def cumulative_correlation(iou: NDArray[np.floating], effects: NDArray[np.floating]) -> float:
    """Pearson's correlation of each head's IoU with the summed effects of all heads that fit at least as well.

    This is how the paper comes to r = -0.99. Both quantities are sorted by IoU, one falls and the other grows, so it is
    close to -1 whatever the effects are.

    >>> round(cumulative_correlation(np.array([0.9, 0.8, 0.7, 0.6]), np.array([5.0, 1.0, 1.0, 5.0])), 2)
    -0.91
    """
    order = np.argsort(-iou, kind="stable")
    return float(np.corrcoef(iou[order], np.cumsum(effects[order]))[0, 1])


@dataclass(frozen=True)
class Artefact:
    """The cumulative correlation of the measured effects, and of effects that were dealt to heads at random."""

    measured: float
    shuffled: NDArray[np.float64]
    """With effects permuted among heads, sorted, shape (shuffles,)."""


def cumulative_artefact(
    iou: NDArray[np.floating], effects: NDArray[np.floating], generator: np.random.Generator
) -> Artefact:
    """Compares the cumulative correlation with that after the effects are permuted among heads."""
    shuffled = [cumulative_correlation(iou, generator.permutation(effects)) for _ in range(SHUFFLES)]
    return Artefact(cumulative_correlation(iou, effects), np.sort(shuffled))


def cumulative_table(effects: pd.DataFrame, fits: pd.DataFrame, generator: np.random.Generator) -> pd.DataFrame:
    """One row per effect of programs: the cumulative correlation, and its range over permuted effects.

    Args:
        effects: As for :func:`correlation_table`.
        fits: The same.
        generator: Permutes the effects.
    """
    joined = effects[effects["replaced_by"] == CORRECT].merge(fits, on="head")
    rows: list[Mapping[str, object]] = []
    for effect in EFFECTS if len(joined) else ():
        found = cumulative_artefact(joined["iou_test"].to_numpy(float), joined[effect].to_numpy(float), generator)
        low, middle, high = np.percentile(found.shuffled, (2.5, 50, 97.5))
        rows.append(
            {
                "effect": effect,
                "heads": len(joined),
                "cumulative_correlation": found.measured,
                "permuted": float(middle),
                "permuted_low": float(low),
                "permuted_high": float(high),
            }
        )
    columns = ["effect", "heads", "cumulative_correlation", "permuted", "permuted_low", "permuted_high"]
    return pd.DataFrame(rows, columns=columns)
