"""Transfer between models: how well one model's programs explain the heads of another."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from attention_programs.comparison.found_programs import FoundScores
from attention_programs.comparison.library import iou_by_text
from attention_programs.scoring.bootstrap import interval_of_means, resample_weights


def transfer_table(
    profiles: Sequence[str], scores: Callable[[str, str], FoundScores], samples: int, generator: np.random.Generator
) -> pd.DataFrame:
    """One row per pair of models: mean test IoU over heads, and the difference from the model's own programs.

    Every head has the best of the programs found on the first model, chosen on validation texts of its own model and
    measured on its test texts. The model's own programs are chosen in the same way.

    Args:
        profiles: Names of the models.
        scores: Gives the scores of one model's programs on another's heads.
        samples: Number of bootstrap resamples of texts.
        generator: Draws them.
    """
    rows = []
    for heads_of in profiles:
        own = chosen_iou(scores(heads_of, heads_of))
        weights = resample_weights(len(own), samples, generator)
        for programs_of in profiles:
            found = scores(programs_of, heads_of)
            iou = chosen_iou(found)
            mean, difference = interval_of_means(np.stack([iou, iou - own], axis=1), weights)
            rows.append(
                {
                    "programs_of": programs_of,
                    "heads_of": heads_of,
                    "programs": len(found.programs),
                    "heads": len(found.heads),
                    "texts": len(found.texts),
                    "iou": mean.mean,
                    "low": mean.low,
                    "high": mean.high,
                    "difference": difference.mean,
                    "difference_low": difference.low,
                    "difference_high": difference.high,
                }
            )
    return pd.DataFrame(rows)


def chosen_iou(scores: FoundScores) -> NDArray[np.float64]:
    """Mean test IoU over heads, text by text, with each head's best program on validation texts, shape (texts,)."""
    return iou_by_text(scores.test, scores.validation.argmax(axis=0))
