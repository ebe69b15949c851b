"""The table of analyses: how well other choices of programs would do (sizes, sharing, corpora)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from attention_programs.programs.parser import summands
from attention_programs.scoring.assignments import Assignment, OwnScores
from attention_programs.scoring.bootstrap import Interval, interval_of_means, resample_weights

ALL_CORPORA = "all"


def mean_interval(scores: np.ndarray, samples: int, generator: np.random.Generator) -> Interval:
    """Mean over heads and texts with its 95 % interval over texts; ``scores`` has shape (texts, heads)."""
    weights = resample_weights(len(scores), samples, generator)
    return interval_of_means(scores.mean(axis=1, keepdims=True), weights)[0]


@dataclass(frozen=True)
class AnalysisScores:
    """Scores of the analyses on the texts of one split."""

    scores: Mapping[str, OwnScores]
    """By the analysis's name."""
    corpora: Sequence[str]
    """The corpus of each text."""

    def texts_of(self, corpus: str) -> np.ndarray:
        """Mask of the texts of a corpus; all texts for ``all``."""
        return np.array([corpus in (ALL_CORPORA, each) for each in self.corpora])


def analysis_table(
    assignments: Mapping[str, Assignment], validation: AnalysisScores, test: AnalysisScores, samples: int, seed: int
) -> pd.DataFrame:
    """One row per analysis and corpus: distinct programs, mean terms per head, mean IoU with its interval.

    ``iou_validation`` is for choosing between analyses; everything else is measured on test texts.

    Args:
        assignments: By the analysis's name.
        validation: Scores of all analyses on validation texts.
        test: Scores of all analyses on test texts.
        samples: Number of bootstrap resamples of texts.
        seed: Seed of the resamples, the same for all analyses.
    """
    rows = []
    for name, assignment in assignments.items():
        programs = list(assignment.values())
        for corpus in [ALL_CORPORA, *sorted(set(test.corpora))]:
            own = test.texts_of(corpus)
            interval = mean_interval(test.scores[name].iou[own], samples, np.random.default_rng(seed))
            rows.append(
                {
                    "analysis": name,
                    "corpus": corpus,
                    "programs": len({program.id for program in programs}),
                    "terms": float(np.mean([summands(program) for program in programs])),
                    "iou_validation": float(validation.scores[name].iou[validation.texts_of(corpus)].mean()),
                    "iou": interval.mean,
                    "low": interval.low,
                    "high": interval.high,
                    "sink_excluded_iou": float(test.scores[name].sink_excluded_iou[own].mean()),
                }
            )
    return pd.DataFrame(rows)
