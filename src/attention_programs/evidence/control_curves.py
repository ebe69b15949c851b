"""The perplexity under every condition, beside that of the right programs and of no attention at all."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from attention_programs.evidence.conditions import BY_ATTENTION, BY_PREDICTIONS, CONDITIONS, CORRECT, ZERO
from attention_programs.progress import progress
from attention_programs.scoring.bootstrap import Interval, interval_of_ratio, resample_weights
from attention_programs.surrogate.constant_output import Replaced
from attention_programs.surrogate.loss_meter import LossMeter
from attention_programs.surrogate.losses import TextLoss
from attention_programs.surrogate.replacement import increase_of_differences

NOTHING = Interval(math.nan, math.nan, math.nan)


def _names(name: str) -> tuple[str, str, str]:
    return name, f"{name}_low", f"{name}_high"


COLUMNS = [
    *("condition", "fitted_to", "percent", "heads_replaced", "draws", "excepted", "iou_test", "texts", "tokens"),
    *(*_names("increase"), "lowest", "highest", *_names("above_correct"), *_names("recovered")),
]
AREA_COLUMNS = ["condition", "fitted_to", "draws", *_names("area"), *_names("above_correct")]
Key = tuple[str, str]
"""A condition, and what its coefficients were fitted to."""


@dataclass(frozen=True)
class Control:
    """One draw of a condition, or the condition itself if nothing is drawn."""

    condition: str
    fitted_to: str
    """``BY_ATTENTION`` or ``BY_PREDICTIONS``."""
    number: int
    """Which draw of the condition, from 0."""
    replaced: Mapping[int, Replaced]
    """Heads and what replaces them, by percentage of heads."""
    excepted: Mapping[int, int]
    """Heads replaced for which nothing met the condition, by percentage."""
    iou: Mapping[int, float]
    """Mean test IoU of the programs with the replaced heads' patterns, by percentage; NaN without programs."""


@dataclass(frozen=True)
class ControlLosses:
    """A control's losses."""

    control: Control
    losses: Mapping[int, NDArray[np.float64]]
    """Summed negative log-likelihood of each text, nats, by percentage; shape (texts,)."""


@dataclass(frozen=True)
class ControlMeasurement:
    """All controls, measured on the same texts."""

    original: Sequence[TextLoss]
    """Losses of the original model, one per text."""
    controls: Sequence[ControlLosses]

    @property
    def tokens(self) -> NDArray[np.float64]:
        """Predicted tokens, shape (texts,)."""
        return np.array([loss.tokens for loss in self.original], float)

    @property
    def before(self) -> NDArray[np.float64]:
        """Losses of the original model, shape (texts,)."""
        return np.array([loss.loss_sum for loss in self.original])

    @property
    def percents(self) -> list[int]:
        """The percentages of heads replaced."""
        return sorted(self.controls[0].losses)

    def weights(self, samples: int, seed: int) -> NDArray[np.float64]:
        """Resamples of the texts, the same for all tables; none if nothing was measured."""
        if not self.original:
            return np.zeros((samples, 0))
        return resample_weights(len(self.original), samples, np.random.default_rng(seed))

    def by_key(self) -> dict[Key, list[ControlLosses]]:
        """The draws of each condition and objective, in the order of the registry."""
        found: dict[Key, list[ControlLosses]] = {}
        for condition in CONDITIONS:
            for fitted_to in (BY_ATTENTION, BY_PREDICTIONS):
                own = [c for c in self.controls if (c.control.condition, c.control.fitted_to) == (condition, fitted_to)]
                if own:
                    found[condition, fitted_to] = own
        return found

    def increase(self, control: ControlLosses, percent: int) -> float:
        """Increase of corpus perplexity in percent."""
        return 100 * (math.exp(float((control.losses[percent] - self.before).sum() / self.tokens.sum())) - 1)


def measure_controls(meter: LossMeter, controls: Sequence[Control]) -> ControlMeasurement:
    """Measures every control at every percentage."""
    found = []
    for control in progress(controls, "perplexity of controls", unit="controls"):
        losses = {percent: meter.losses(replaced) for percent, replaced in control.replaced.items()}
        sums = {percent: np.array([loss.loss_sum for loss in own]) for percent, own in losses.items()}
        found.append(ControlLosses(control, sums))
    return ControlMeasurement(meter.original, found)


def control_table(measured: ControlMeasurement, samples: int, seed: int) -> pd.DataFrame:
    """One row per condition, objective and percentage; several draws are averaged.

    Returns:
        ``increase`` is that of perplexity in percent, of the geometric mean over draws, with its interval over texts;
        ``lowest`` and ``highest`` are single draws. ``above_correct`` is the increase over the right programs with
        coefficients fitted to the same. ``recovered`` is the share of the loss between zero ablation and the original
        model that the condition gives back: (zero - condition) / (zero - original).
    """
    weights = measured.weights(samples, seed)
    groups = measured.by_key()
    zero = groups.get((ZERO, BY_ATTENTION), [])
    rows = []
    for (condition, fitted_to), draws in groups.items():
        right = groups.get((CORRECT, fitted_to), [])
        for percent in measured.percents:
            own = _mean_losses(draws, percent)
            increase = increase_of_differences(own - measured.before, measured.tokens, weights)
            row = {
                "condition": condition,
                "fitted_to": fitted_to,
                "percent": percent,
                "heads_replaced": len(draws[0].control.replaced[percent]),
                "draws": len(draws),
                "excepted": float(np.mean([draw.control.excepted[percent] for draw in draws])),
                "iou_test": float(np.mean([draw.control.iou[percent] for draw in draws])),
                "texts": len(measured.original),
                "tokens": int(measured.tokens.sum()),
                **_named("increase", increase),
                "lowest": min(measured.increase(draw, percent) for draw in draws),
                "highest": max(measured.increase(draw, percent) for draw in draws),
            }
            above, recovered = NOTHING, NOTHING
            if right and condition != CORRECT:
                above = increase_of_differences(own - _mean_losses(right, percent), measured.tokens, weights)
            row |= _named("above_correct", above)
            if zero and condition != ZERO:
                worst = _mean_losses(zero, percent)
                recovered = interval_of_ratio(worst - own, worst - measured.before, weights)
            rows.append(row | _named("recovered", recovered))
    return pd.DataFrame(rows, columns=COLUMNS)


def _named(name: str, interval: Interval) -> dict[str, float]:
    return dict(zip(_names(name), (interval.mean, interval.low, interval.high), strict=True))


def _mean_losses(draws: Sequence[ControlLosses], percent: int) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.mean([draw.losses[percent] for draw in draws], axis=0)
    return found


def area_table(measured: ControlMeasurement, samples: int, seed: int) -> pd.DataFrame:
    """One row per condition and objective: the area under the curve of log perplexity over the fraction of heads.

    The curve is the increase in mean loss, nats per token, over the fraction replaced from 0 to the largest percentage,
    divided by that fraction; between percentages it is taken as straight. An area of 0.1 means that perplexity is
    higher by a factor of e**0.1 on average over the way.

    Returns:
        The area and its difference to the right programs' with the same objective, with intervals over texts.
    """
    weights = measured.weights(samples, seed)
    groups = measured.by_key()
    rows = []
    for (condition, fitted_to), draws in groups.items():
        own = _area(draws, measured)
        right = groups.get((CORRECT, fitted_to), [])
        found = interval_of_ratio(own, measured.tokens, weights)
        above = NOTHING
        if right and condition != CORRECT:
            above = interval_of_ratio(own - _area(right, measured), measured.tokens, weights)
        draws_row = {"condition": condition, "fitted_to": fitted_to, "draws": len(draws)}
        rows.append(draws_row | _named("area", found) | _named("above_correct", above))
    return pd.DataFrame(rows, columns=AREA_COLUMNS)


def _area(draws: Sequence[ControlLosses], measured: ControlMeasurement) -> NDArray[np.float64]:
    """Each text's summed increase in loss, averaged over fractions, shape (texts,)."""
    places = np.array([0, *measured.percents]) / max(measured.percents)
    increases = [_mean_losses(draws, percent) - measured.before for percent in measured.percents]
    return np.trapezoid(np.stack([np.zeros_like(measured.before), *increases]), places, axis=0)
