"""How well programs fit training texts: ranks candidates and decides whether a revision is kept."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attention_programs.attention.metrics import iou, jensen_shannon_distance
from attention_programs.programs.record import ProgramRecord
from attention_programs.programs.run_result import Scored
from attention_programs.sparse_search.training_texts import ExplainedText, ExplainedTexts
from attention_programs.untrusted.execution import SandboxRunner


@dataclass(frozen=True)
class Fit:
    """A program's scores on its head, one per text: first the texts shown in prompts, then those held out."""

    distances: NDArray[np.float64]
    """Jensen-Shannon distance; 1 if the program fails (paper: a failed run has maximal error)."""
    ious: NDArray[np.float64]
    shown: int
    """How many of the texts are shown in prompts."""

    @property
    def distance(self) -> float:
        """Mean over all texts."""
        return float(self.distances.mean())

    @property
    def iou(self) -> float:
        """Mean over all texts."""
        return float(self.ious.mean())

    @property
    def distance_held_out(self) -> float:
        """Mean over the texts that no prompt shows."""
        return float(self.distances[self.shown :].mean())


@dataclass(frozen=True)
class Evaluator:
    """Runs programs on the training texts and compares them with their heads' patterns."""

    texts: ExplainedTexts
    heads: Sequence[str]
    """Names in the order of the patterns."""
    runner: SandboxRunner

    def position(self, head: str) -> int:
        """Index of a head among the patterns."""
        return self.heads.index(head)

    def fits(self, programs: Sequence[ProgramRecord], heads: Sequence[str]) -> list[Fit]:
        """The fit of each program to the head at the same position."""
        texts = self.texts.all
        ran = self.runner.run_all(programs, [text.view for text in texts], check=False)
        found = []
        for result, head in zip(ran, map(self.position, heads), strict=True):
            scores = [
                tuple(score(text.pattern(head), outcome.weights) for score in (jensen_shannon_distance, iou))
                if isinstance(outcome, Scored)
                else (1.0, 0.0)
                for text, outcome in zip(texts, result.outcomes, strict=True)
            ]
            distances, ious = np.array(scores).T
            found.append(Fit(distances, ious, len(self.texts.shown)))
        return found

    def ious(self, program: ProgramRecord, head: str, texts: Sequence[ExplainedText]) -> NDArray[np.float64]:
        """IoU of one program on each text; 0 where it fails."""
        (ran,) = self.runner.run_all([program], [text.view for text in texts], check=False)
        position = self.position(head)
        return np.array(
            [
                iou(text.pattern(position), outcome.weights) if isinstance(outcome, Scored) else 0.0
                for text, outcome in zip(texts, ran.outcomes, strict=True)
            ]
        )

    def predicted(self, program: ProgramRecord, text: ExplainedText) -> NDArray[np.float32]:
        """The program's pattern for a text, shape (n, n); zeros if it fails."""
        (outcome,) = self.runner.outcomes([program], text.view)
        return outcome.weights if isinstance(outcome, Scored) else np.zeros((text.view.n, text.view.n), np.float32)
