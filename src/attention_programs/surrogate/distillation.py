"""Fitting the coefficients of all replaced heads together, so that the model keeps its predictions.

The model is frozen; gradients flow through it only into the programs' coefficients. First, every layer is fitted by
itself (:mod:`layer_matching`). Then follow the fractions of heads, each with its own coefficients, starting from those
of the previous fraction. The loss is the KL divergence of the patched model's next-token distribution from the
original one's on training texts.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from attention_programs.checkpoint import Checkpoint
from attention_programs.config import DistillationSettings
from attention_programs.files import sha256_text
from attention_programs.models.head import Head
from attention_programs.models.loading import LoadedModel
from attention_programs.programs.parser import summed_terms
from attention_programs.programs.record import ProgramRecord
from attention_programs.progress import progress
from attention_programs.scoring.assignments import Assignment
from attention_programs.surrogate.distillation_state import DistillationState
from attention_programs.surrogate.layer_matching import layer_error, layer_outputs
from attention_programs.surrogate.losses import passes_in, with_predictions
from attention_programs.surrogate.original_predictions import OriginalPredictions, divergence
from attention_programs.surrogate.replacement import heads_at
from attention_programs.surrogate.soft_programs import SoftPrograms, patch_softly

Ids = tuple[int, ...]
LAYERS = "layer_output"
PREDICTIONS = "output_kl"
BETAS = (0.9, 0.99)
"""Adam's decay rates for gradients and their squares; the latter are forgotten within a few hundred steps."""
SMALLEST = 1e-12
"""Adam's epsilon: gradients below it lead to smaller steps; those of almost unchanged models are tiny."""
WARM_UP = 0.25
"""Fraction of a phase's steps during which the step size grows: Adam's first steps depend on the gradients of few
texts, and without warm-up, the same texts in another order led to results up to 0.1 nats apart."""
SAVE_EVERY = 10
"""Steps between checkpoints, from which an interrupted run resumes."""
STATE = "state.safetensors"
"""The checkpoint's only part."""


@dataclass(frozen=True)
class Phase:
    """A sequence of steps with one loss and one fraction of replaced heads."""

    goal: str
    """What is matched: each layer's output by itself, or the model's predictions."""
    percent: int
    steps: int
    rate: float
    """Maximum step size, in units of a coefficient."""

    def step_size(self, step: int) -> float:
        """The step size: growing at first, then falling to 0 along a cosine.

        >>> [round(Phase(PREDICTIONS, 100, 8, 0.1).step_size(step), 3) for step in range(8)]
        [0.05, 0.096, 0.085, 0.069, 0.05, 0.031, 0.015, 0.004]
        """
        grown = min(1.0, (step + 1) / (WARM_UP * self.steps))
        return float(self.rate * grown * (1 + np.cos(np.pi * step / self.steps)) / 2)


@dataclass(frozen=True)
class Distillation:
    """The result of a distillation."""

    coefficients: dict[int, dict[Head, list[float]]]
    """By percentage of heads and replaced head, in the order of its program's terms."""
    curve: pd.DataFrame
    """One row per step and one per phase end: loss, percentage of heads, error on the step's training texts and, at
    regular intervals, divergence on the validation texts before the step."""


@contextmanager
def frozen(model: Any) -> Iterator[None]:
    """Disables gradients for a model's own parameters."""
    learnable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for parameter in learnable:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in learnable:
            parameter.requires_grad_(True)


class Distiller:
    """Learns the coefficients.

    Args:
        loaded: The original model.
        assignment: Program of each head, with the initial coefficients; programs of another form are left out.
        ranking: Heads in the order in which they are replaced.
        texts: Tokenised training texts.
        validation: Tokenised texts for the curve; they are not used in the fit.
        settings: Steps, batch size, step size, fractions of heads.
        generator: Draws texts.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        assignment: Assignment,
        ranking: Sequence[Head],
        texts: Sequence[Ids],
        validation: Sequence[Ids],
        settings: DistillationSettings,
        generator: np.random.Generator,
    ) -> None:
        self._loaded = loaded
        self._assignment = {head: program for head, program in assignment.items() if summed_terms(program)}
        self._order = ranking
        self._validation = with_predictions(validation, "distillation's curve")[: settings.check_texts]
        self._settings = settings
        schedule = zip(settings.percents, settings.steps, strict=True)
        first = Phase(LAYERS, 100, settings.layer_steps, settings.layer_rate)
        self._phases = [first, *(Phase(PREDICTIONS, percent, steps, settings.rate) for percent, steps in schedule)]
        texts = with_predictions(texts, "distillation")
        self._batches = [_draw(texts, phase.steps, settings.batch_texts, generator) for phase in self._phases]
        self._soft = SoftPrograms(loaded, self._assignment, settings.memory_mib)
        with passes_in(settings.precision, loaded):
            self._original = OriginalPredictions(loaded, [*texts, *self._validation])

    @property
    def fingerprint(self) -> str:
        """A hash of everything that the result depends on."""
        programs = {str(head): program.id for head, program in self._assignment.items()}
        settings, ranking = asdict(self._settings), list(map(str, self._order))
        weights = self._loaded.record.weights_sha256
        return sha256_text(repr((weights, settings, programs, ranking, self._batches, self._validation)))

    def run(self, checkpoint: Path | None = None) -> Distillation:
        """Runs all phases.

        Args:
            checkpoint: Folder for progress, from which an interrupted run resumes; removed when done.
        """
        kept = Checkpoint(checkpoint, self.fingerprint) if checkpoint else None
        found = kept.load(STATE) if kept else {}
        state = DistillationState.of(found) if found else DistillationState(self._soft.coefficients.detach().clone())
        left = sum(phase.steps for phase in self._phases[len(state.learned) :]) - state.done
        bar = iter(progress(range(left), "distillation", unit="steps"))
        with frozen(self._loaded.model):
            for number in range(len(state.learned), len(self._phases)):
                self._run_phase(number, state, bar, kept)
        next(bar, None)
        if kept:
            kept.remove()
        return Distillation(
            {
                phase.percent: self._of_heads(self._chosen(phase), state.learned[number])
                for number, phase in enumerate(self._phases)
                if phase.goal == PREDICTIONS
            },
            _curve(self._phases, state),
        )

    def _run_phase(self, number: int, state: DistillationState, bar: Iterator[int], kept: Checkpoint | None) -> None:
        phase, coefficients = self._phases[number], self._soft.coefficients
        chosen = self._chosen(phase)
        coefficients.data.copy_(state.coefficients)
        optimiser = torch.optim.Adam([coefficients], betas=BETAS, eps=SMALLEST)
        if state.moments:
            optimiser.state[coefficients] = on_device(state.moments, coefficients.device)
        for step in range(state.done, phase.steps if chosen else 0):
            next(bar, None)
            self._check(number, step, chosen, state)
            optimiser.zero_grad()
            error = self._error(phase.goal, chosen, self._batches[number][step])
            torch.autograd.backward(error)
            optimiser.param_groups[0]["lr"] = phase.step_size(step)
            optimiser.step()
            state.errors[number, step] = float(error.detach())
            state.coefficients, state.moments = coefficients.detach(), dict(optimiser.state[coefficients])
            state.done = step + 1
            if kept and state.done % SAVE_EVERY == 0:
                kept.save(STATE, state.tensors)
        self._check(number, phase.steps, chosen, state)
        state.learned[number] = coefficients.detach().clone()
        state.moments, state.done = {}, 0
        if kept:
            kept.save(STATE, state.tensors)

    def _chosen(self, phase: Phase) -> dict[Head, ProgramRecord]:
        return {h: self._assignment[h] for h in heads_at(self._order, phase.percent) if h in self._assignment}

    def _error(self, goal: str, chosen: Assignment, batch: Sequence[Ids]) -> torch.Tensor:
        with passes_in(self._settings.precision, self._loaded):
            if goal == LAYERS:
                outputs = layer_outputs(self._loaded, batch)
                with patch_softly(self._loaded, chosen, self._soft) as patched:
                    return layer_error(patched, batch, outputs)
            original = self._original.log_probabilities(batch)
            with patch_softly(self._loaded, chosen, self._soft):
                return divergence(self._loaded, batch, original)

    @torch.no_grad()
    def _check(self, number: int, step: int, chosen: Assignment, state: DistillationState) -> None:
        phase, size = self._phases[number], self._settings.batch_texts
        due = step % self._settings.check_every == 0 or step == phase.steps
        if phase.goal == LAYERS or not (chosen and self._validation and due):
            return
        found = [
            (len(batch), float(self._error(phase.goal, chosen, batch)))
            for batch in (self._validation[start : start + size] for start in range(0, len(self._validation), size))
        ]
        state.checks[number, step] = sum(texts * each for texts, each in found) / len(self._validation)

    def _of_heads(self, chosen: Assignment, learned: torch.Tensor) -> dict[Head, list[float]]:
        rows = dict(zip(self._soft.heads, learned.tolist(), strict=True))
        return {head: rows[head][: len(self._soft.terms[head])] for head in chosen}


def on_device(moments: Mapping[str, torch.Tensor], device: torch.device) -> dict[str, torch.Tensor]:
    """Adam's state on the coefficients' device; its step count stays on the CPU, where Adam keeps it."""
    return {name: value if name == "step" else value.to(device) for name, value in moments.items()}


def _draw(texts: Sequence[Ids], steps: int, batch: int, generator: np.random.Generator) -> list[list[Ids]]:
    """The texts of each step: every text once before any is repeated."""
    rounds = -(-steps * batch // len(texts))
    numbers = np.concatenate([generator.permutation(len(texts)) for _ in range(rounds)] or [np.zeros(0, int)])
    return [[texts[i] for i in numbers[step * batch : (step + 1) * batch]] for step in range(steps)]


def _curve(phases: Sequence[Phase], state: DistillationState) -> pd.DataFrame:
    rows = [
        (phases[place[0]].goal, phases[place[0]].percent, place[1], state.errors.get(place), state.checks.get(place))
        for place in sorted(state.errors.keys() | state.checks.keys())
    ]
    columns = {"loss": str, "percent": int, "step": int, "training": float, "validation": float}
    return pd.DataFrame(rows, columns=list(columns)).astype(columns)
