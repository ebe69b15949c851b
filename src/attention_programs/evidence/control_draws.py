"""What replaces the heads under every condition, at every percentage."""

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from attention_programs.config import ControlSettings
from attention_programs.errors import UserError
from attention_programs.evidence.conditions import BY_ATTENTION, BY_PREDICTIONS, DRAWN
from attention_programs.evidence.control_curves import Control
from attention_programs.evidence.library import Library
from attention_programs.evidence.wrong_programs import draw
from attention_programs.files import read_csv, records
from attention_programs.models.head import Head
from attention_programs.programs.record import ProgramRecord
from attention_programs.scoring.assignments import Assignment
from attention_programs.scoring.score_table import SplitScores
from attention_programs.surrogate.constant_output import ConstantOutput, Replaced
from attention_programs.surrogate.replacement import heads_at, replaced_at


@dataclass(frozen=True)
class Draws:
    """Makes the controls; the same heads in the same ranking for all.

    Args:
        library: The programs that wrong ones are drawn from.
        ranking: Heads in the order in which they are replaced.
        test: Scores of all programs on the library's heads on test texts.
        settings: Percentages of heads, and how often each random condition is drawn.
        seed: Every draw has a generator of its own, from this, the condition and the number of the draw.
    """

    library: Library
    ranking: Sequence[Head]
    test: SplitScores
    settings: ControlSettings
    seed: int

    def all(self, fixed: Mapping[str, Replaced]) -> list[Control]:
        """The controls of every condition.

        Args:
            fixed: What replaces every head, by condition, where nothing is drawn.
        """
        return [*(self._control(condition, 0, replaced, ()) for condition, replaced in fixed.items()), *self._drawn()]

    def _drawn(self) -> Iterator[Control]:
        """All draws of the random conditions."""
        for condition in DRAWN:
            for number in range(self.settings.draws):
                generator = np.random.default_rng([self.seed, DRAWN.index(condition), number])
                found = draw(condition, self.library, generator)
                excepted = {head for head, each in zip(self.library.heads, found.excepted, strict=True) if each}
                yield self._control(condition, number, found.assignment(self.library), excepted)

    def _control(self, condition: str, number: int, replaced: Replaced, excepted: Collection[Head]) -> Control:
        heads = {percent: heads_at(self.ranking, percent) for percent in self.settings.percents}
        return Control(
            condition=condition,
            fitted_to=BY_ATTENTION,
            number=number,
            replaced=replaced_at(replaced, self.ranking, self.settings.percents),
            excepted={percent: len(set(some).intersection(excepted)) for percent, some in heads.items()},
            iou={percent: self._mean_iou(replaced, some) for percent, some in heads.items()},
        )

    def _mean_iou(self, replaced: Replaced, heads: Sequence[Head]) -> float:
        """Mean test IoU of the heads' programs; NaN if no head has one."""
        found = [
            self._iou[self._places[each.id], self._columns[head]]
            for head in heads
            if not isinstance(each := replaced[head], ConstantOutput)
        ]
        return float(np.mean(found or [math.nan]))

    @cached_property
    def _iou(self) -> NDArray[np.float64]:
        """Shape (programs, heads)."""
        return self.test.iou.mean(axis=0, dtype=np.float64)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {program: place for place, program in enumerate(self.test.programs)}

    @cached_property
    def _columns(self) -> dict[Head, int]:
        return {head: place for place, head in enumerate(self.library.heads)}


def first_draws(controls: Sequence[Control]) -> pd.DataFrame:
    """One row per condition and head: the program of the first draw.

    Args:
        controls: The controls, of which those that are drawn and fitted to patterns count; the heads are those of the
            largest percentage.
    """
    rows = [
        {"condition": control.condition, "head": str(head), "program_id": each.id}
        for control in controls
        if control.condition in DRAWN and control.number == 0 and control.fitted_to == BY_ATTENTION
        for head, each in sorted(_programs(control).items())
    ]
    return pd.DataFrame(rows, columns=["condition", "head", "program_id"])


def read_first_draw(path: Path, condition: str, programs: Sequence[ProgramRecord]) -> Assignment:
    """Reads the program of every head under one random condition, as written from :func:`first_draws`.

    Raises:
        UserError: if the file or the condition is missing.
    """
    table = read_csv(path)
    own = table[table["condition"] == condition]
    if own.empty:
        raise UserError(f"{path} has no condition {condition!r}; it has {', '.join(table['condition'].unique())}")
    by_id = {program.id: program for program in programs}
    return {Head.parse(row.head): by_id[row.program_id] for row in records(own)}


def refitted(
    controls: Sequence[Control],
    settings: ControlSettings,
    fit: Callable[[Assignment], Mapping[int, Assignment]],
) -> list[Control]:
    """Some of the controls with coefficients fitted to the model's predictions.

    Args:
        controls: The controls as drawn.
        settings: The conditions to fit, and how many draws of each.
        fit: Fits the coefficients of the heads replaced at every percentage.
    """
    return [
        replace(
            control,
            fitted_to=BY_PREDICTIONS,
            replaced=fit(_programs(control)),
            iou=dict.fromkeys(control.iou, math.nan),
        )
        for control in controls
        if control.condition in settings.fitted and control.number < settings.fitted_draws
    ]


def _programs(control: Control) -> Assignment:
    """The programs of all heads that the control replaces at any percentage."""
    everything = control.replaced[max(control.replaced)]
    return {head: each for head, each in everything.items() if not isinstance(each, ConstantOutput)}
