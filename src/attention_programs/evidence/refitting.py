"""Fits the coefficients of any assignment to the model's predictions, all with the same small budget."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from attention_programs.config import ControlSettings, DistillationSettings
from attention_programs.models.head import Head
from attention_programs.models.loading import LoadedModel
from attention_programs.programs.record import read_programs, write_programs
from attention_programs.programs.view import TokenView
from attention_programs.scoring.assignments import Assignment
from attention_programs.surrogate.distillation import Distiller
from attention_programs.surrogate.distilled import SPREAD_TEXTS, distilled_programs
from attention_programs.surrogate.head_rankings import distilled_assignment
from attention_programs.surrogate.replacement import heads_at, replaced_at


@dataclass(frozen=True)
class Refitter:
    """Fits coefficients on the same texts in the same order, whatever the programs."""

    loaded: LoadedModel
    ranking: Sequence[Head]
    train: Sequence[tuple[int, ...]]
    """Tokenised training texts."""
    settings: DistillationSettings
    seed: int
    """Draws the texts of each step."""

    @classmethod
    def of(
        cls,
        loaded: LoadedModel,
        ranking: Sequence[Head],
        train: Sequence[tuple[int, ...]],
        distillation: DistillationSettings,
        controls: ControlSettings,
        seed: int,
    ) -> "Refitter":
        """With the budget of the controls and everything else as in distillation."""
        settings = replace(
            distillation,
            percents=controls.percents,
            steps=controls.steps,
            layer_steps=controls.layer_steps,
            check_texts=0,
        )
        return cls(loaded, ranking, train, settings, seed)

    def refitted(self, assignment: Assignment, folder: Path) -> Mapping[int, Assignment]:
        """The heads replaced at each percentage with fitted coefficients.

        Args:
            assignment: A program for every head, with the initial coefficients.
            folder: Where finished fits and the progress of this one are kept.
        """
        generator = np.random.default_rng(self.seed)
        distiller = Distiller(self.loaded, assignment, self.ranking, self.train, [], self.settings, generator)
        done = folder / f"{distiller.fingerprint[:20]}.jsonl"
        if not done.is_file():
            found = distiller.run(folder / "fit")
            views = [TokenView.of(self.loaded.sequence(ids)) for ids in self.train[:SPREAD_TEXTS]]
            fitted = [
                distilled_programs(replaced, percent, found.coefficients[percent], views, self.settings)
                for percent, replaced in replaced_at(assignment, self.ranking, self.settings.percents).items()
            ]
            write_programs(done, [program for own in fitted for program in own.values()])
        records = read_programs(done)
        return {
            percent: distilled_assignment(heads_at(self.ranking, percent), records, percent)
            for percent in self.settings.percents
        }
