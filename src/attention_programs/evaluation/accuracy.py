"""How replacing heads affects answers: accuracy and its change, with intervals over the sources of the questions."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from attention_programs.evaluation.harness import TaskScore
from attention_programs.evaluation.significance import holm, paired_p_value
from attention_programs.scoring.bootstrap import FEWEST_TEXTS, Interval, interval_of_ratio, resample_weights

Z = 1.959964
"""The 97.5 % quantile of the normal distribution."""
FEWEST_UNLIKE = 4
"""Sources whose answers are unlike the others', below which no bootstrap interval is given: more than 2.5 % of
resamples (one in e**3 with three such sources) would have none of them, hence no standard error."""
KEPT = 0.8
"""A task is insensitive if, with the most heads replaced, it keeps more than this share of the accuracy above chance:
it can't show what the programs miss."""
COLUMNS = [
    *("task", "percent", "heads_replaced", "questions", "sources", "accuracy", "low", "high", "chance"),
    *("change", "change_low", "change_high", "insensitive", "p_value", "p_corrected"),
]
CONTROL_COLUMNS = [
    *("condition", "task", "percent", "questions", "sources", "accuracy", "low", "high"),
    *("change", "change_low", "change_high", "p_value", "p_corrected"),
]


def wilson_interval(share: float, questions: int) -> Interval:
    """Wilson's 95 % interval of a share: unlike the bootstrap, it is informative if all answers are alike.

    It treats questions as independent.

    >>> interval = wilson_interval(0.8, 10)
    >>> round(interval.low, 4), round(interval.high, 4)
    (0.4902, 0.9433)
    """
    middle = (share + Z**2 / (2 * questions)) / (1 + Z**2 / questions)
    half = Z / (1 + Z**2 / questions) * math.sqrt(share * (1 - share) / questions + Z**2 / (4 * questions**2))
    return Interval(share, max(middle - half, 0.0), min(middle + half, 1.0))


def accuracy_interval(score: TaskScore, samples: int, seed: int) -> Interval:
    """Accuracy with its 95 % bootstrap interval over sources, as questions of one story are not independent.

    If almost all answers are right or almost all wrong (``FEWEST_UNLIKE``), it is Wilson's interval for as many
    questions as there are sources. Below ``FEWEST_TEXTS`` sources there is none.
    """
    right = np.array(score.correct, dtype=float)
    unlike = min(_sources_with(right > 0, score.origins), _sources_with(right == 0, score.origins))
    if unlike < FEWEST_UNLIKE and score.sources >= FEWEST_TEXTS:
        return wilson_interval(float(right.mean()), score.sources)
    found = _over_sources(right, score.origins, samples, seed)
    return Interval(found.mean, *(float(np.clip(bound, 0, 1)) for bound in (found.low, found.high)))


def change_interval(original: TaskScore, patched: TaskScore, samples: int, seed: int) -> Interval:
    """Change in accuracy on the same questions, with its 95 % bootstrap interval over sources.

    If almost no answer changes (``FEWEST_UNLIKE``), its bounds are those of the difference between the shares of
    answers gained and lost, from Wilson's intervals of both for as many questions as there are sources (Newcombe,
    Interval estimation for the difference between independent proportions, 1998, method 10).
    """
    change = np.array(patched.correct, dtype=float) - np.array(original.correct, dtype=float)
    if _sources_with(change != 0, original.origins) < FEWEST_UNLIKE and original.sources >= FEWEST_TEXTS:
        gained, lost = (wilson_interval(float((change == sign).mean()), original.sources) for sign in (1, -1))
        mean = gained.mean - lost.mean
        low = mean - math.hypot(gained.mean - gained.low, lost.high - lost.mean)
        return Interval(mean, low, mean + math.hypot(gained.high - gained.mean, lost.mean - lost.low))
    return _over_sources(change, original.origins, samples, seed)


def _sources_with(chosen: np.ndarray, origins: Sequence[str]) -> int:
    """Number of sources with a chosen question."""
    return len(set(np.array(origins)[chosen].tolist()))


def _over_sources(values: np.ndarray, origins: Sequence[str], samples: int, seed: int) -> Interval:
    names, numbers = np.unique(np.array(origins), return_inverse=True)
    sums, counts = (np.asarray(np.bincount(numbers, each), float) for each in (values, np.ones_like(values)))
    return interval_of_ratio(sums, counts, resample_weights(len(names), samples, np.random.default_rng(seed)))


def is_insensitive(original: TaskScore, patched: TaskScore, change: Interval) -> bool:
    """Whether a task hardly reacts to the replacement in ``patched``, or not measurably."""
    room = original.accuracy - original.chance
    kept = (patched.accuracy - patched.chance) / room if room > 0 else 1.0
    return kept > KEPT or not change.high < 0


def answer_table(
    scores: Mapping[int, Sequence[TaskScore]], heads: Mapping[int, int], samples: int, seed: int
) -> pd.DataFrame:
    """One row per task and fraction replaced.

    Args:
        scores: By percentage of heads replaced, the same tasks in the same order.
        heads: Number of heads replaced at each percentage.
        samples: Resamples of sources.
        seed: Seed of the resamples.

    Returns:
        ``change`` is the accuracy minus that of the original model (0 percent) on the same questions. ``p_value`` is of
        the exact paired test of this change, ``p_corrected`` by Holm over all tasks and percentages above 0.
    """
    rows = []
    most = max(scores, default=0)
    for percent, found in scores.items():
        for number, score in enumerate(found):
            row = _accuracy(score, samples, seed)
            row |= {"percent": percent, "heads_replaced": heads[percent], "chance": score.chance}
            if 0 in scores:
                original, last = scores[0][number], scores[most][number]
                row |= _change(original, score, samples, seed)
                row["p_value"] = paired_p_value(original, score) if percent else math.nan
                row["insensitive"] = is_insensitive(original, last, change_interval(original, last, samples, seed))
            rows.append(row)
    return _corrected(pd.DataFrame(rows, columns=COLUMNS))


def control_answer_table(
    scores: Mapping[tuple[str, int], Sequence[TaskScore]], original: Sequence[TaskScore], samples: int, seed: int
) -> pd.DataFrame:
    """One row per condition, task and percentage, compared with the original model as in :func:`answer_table`.

    Args:
        scores: By condition and percentage of heads replaced.
        original: Answers of the original model to the same tasks in the same order.
        samples: Resamples of sources.
        seed: Seed of the resamples.
    """
    rows = []
    for (condition, percent), found in scores.items():
        for before, score in zip(original, found, strict=True):
            row = {"condition": condition, "percent": percent, "p_value": paired_p_value(before, score)}
            rows.append(row | _accuracy(score, samples, seed) | _change(before, score, samples, seed))
    return _corrected(pd.DataFrame(rows, columns=CONTROL_COLUMNS))


def _accuracy(score: TaskScore, samples: int, seed: int) -> dict[str, Any]:
    """The columns of a task's answers."""
    found = accuracy_interval(score, samples, seed)
    return {
        "task": score.task,
        "questions": score.questions,
        "sources": score.sources,
        "accuracy": found.mean,
        "low": found.low,
        "high": found.high,
    }


def _change(original: TaskScore, patched: TaskScore, samples: int, seed: int) -> dict[str, float]:
    """The columns of the change in accuracy."""
    found = change_interval(original, patched, samples, seed)
    return {"change": found.mean, "change_low": found.low, "change_high": found.high}


def _corrected(table: pd.DataFrame) -> pd.DataFrame:
    """The table with p-values corrected for their number."""
    tested = table["p_value"].notna()
    table = table.astype({"p_value": float, "p_corrected": float})
    table.loc[tested, "p_corrected"] = holm(table.loc[tested, "p_value"].tolist())
    return table
