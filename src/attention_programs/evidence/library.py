"""The programs that wrong ones are drawn from, and what has to be known of them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attention_programs.attention.pattern_store import AttentionIndex, TextAttention
from attention_programs.categories.contributions import contributions
from attention_programs.categories.similarity import EQUAL, pattern_similarity
from attention_programs.models.head import Head
from attention_programs.programs.methods import BASELINE
from attention_programs.programs.record import ProgramRecord
from attention_programs.programs.runner import Runner
from attention_programs.programs.view import TokenView
from attention_programs.progress import progress
from attention_programs.scoring.assignments import Assignment
from attention_programs.scoring.score_table import SplitScores

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Library:
    """Programs, and the heads that have one of them each."""

    programs: Sequence[ProgramRecord]
    categories: Sequence[str]
    """Of each program."""
    similarity: NDArray[np.floating]
    """Mean IoU of every program's pattern with every other's, shape (programs, programs)."""
    heads: Sequence[Head]
    own: NDArray[np.int64]
    """Number of each head's own program, shape (heads,)."""
    iou: NDArray[np.floating]
    """Validation IoU of every program with every head, shape (programs, heads)."""

    @classmethod
    def of(
        cls,
        programs: Sequence[ProgramRecord],
        own: Assignment,
        texts: Sequence[TextAttention],
        validation: SplitScores,
        index: AttentionIndex,
        runner: Runner,
        look_ahead: Collection[str] = (),
    ) -> "Library":
        """All programs of the table that may go into the model, without baselines.

        Args:
            programs: The program table.
            own: Each head's own program.
            texts: Validation texts, without patterns, on which behaviour is compared.
            validation: Scores of all programs on all heads.
            index: The heads of the scores, in their order.
            runner: Runs the programs.
            look_ahead: Names of programs that may go into a causal model although they look ahead.
        """
        places = [
            place
            for place, program in enumerate(programs)
            if program.author != BASELINE and (not index.causal or program.may_go_into_a_causal_model(look_ahead))
        ]
        chosen = [programs[place] for place in places]
        views = [TokenView.of(text) for text in texts]
        number = {program.id: place for place, program in enumerate(chosen)}
        return cls(
            programs=chosen,
            categories=[
                contributions(program, views).category
                for program in progress(chosen, "categories of programs", unit="programs")
            ],
            similarity=pattern_similarity(chosen, progress(texts, "behaviour of programs", unit="texts"), runner).mean(
                axis=0
            ),
            heads=index.head_list,
            own=np.array([number[own[head].id] for head in index.head_list]),
            iou=validation.iou.mean(axis=0)[places],
        )

    def behaves_otherwise(self) -> Flags:
        """For each head the programs whose behaviour is not that of its own, shape (heads, programs)."""
        found: Flags = self.similarity[self.own] < EQUAL
        found[np.arange(len(self.own)), self.own] = False
        return found

    def off_by(self) -> NDArray[np.floating]:
        """Difference in validation IoU between every program and the head's own, shape (heads, programs)."""
        found: NDArray[np.floating] = np.abs(self.iou - self.iou[self.own, np.arange(len(self.own))]).T
        return found

    def closest(self, allowed: Flags) -> NDArray[np.int64]:
        """For each head the allowed program whose IoU is closest to its own program's, shape (heads,)."""
        found: NDArray[np.int64] = np.where(allowed, self.off_by(), np.inf).argmin(axis=1)
        return found
