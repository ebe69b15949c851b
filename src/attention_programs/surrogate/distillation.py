"""Fitting the constants of all replaced heads together, so that the model keeps its own predictions.

The objective is the KL divergence of the patched model's next-token distribution from the intact one's, on training
texts. The model is frozen; gradients go through it into the programs' constants alone. Each step replaces another share
of the heads, in one fixed order, so that one set of constants serves every share.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from attention_programs.config import DistillationSettings
from attention_programs.heads import Head
from attention_programs.models.loading import LoadedModel
from attention_programs.progress import progress
from attention_programs.surrogate.maps import Assignment
from attention_programs.surrogate.perplexity import predictions
from attention_programs.surrogate.replacement import heads_at
from attention_programs.surrogate.soft_programs import SoftPrograms, has_terms, patch_softly

SMALLEST = 1e-4
"""Divergence, nats a token, below which a share of heads is as good as intact."""


@dataclass(frozen=True)
class Distillation:
    """What came of it."""

    constants: dict[Head, list[float]]
    """In the order of each program's terms."""
    curve: pd.DataFrame
    """One row a step: share of heads and divergence on the step's training texts."""


def divergence(loaded: LoadedModel, texts: Sequence[Sequence[int]], intact: Sequence[torch.Tensor]) -> torch.Tensor:
    """Mean KL divergence of the model's predictions from the intact ones, nats a token; a scalar with its gradient."""
    total, count = torch.zeros(()), torch.zeros(())
    for found, before in zip(predictions(loaded, texts), intact, strict=True):
        log_ratio = before - found.logits.log_softmax(dim=-1)
        each = torch.linalg.vecdot(before.exp(), log_ratio)
        total = total + (each * found.counted).sum()
        count = count + found.counted.sum()
    return total / count


@torch.no_grad()
def intact_log_probabilities(loaded: LoadedModel, texts: Sequence[Sequence[int]]) -> list[torch.Tensor]:
    """What the model predicts by itself, one tensor a pass."""
    return [found.logits.log_softmax(dim=-1) for found in predictions(loaded, texts)]


def distil(
    loaded: LoadedModel,
    assignment: Assignment,
    order: Sequence[Head],
    texts: Sequence[Sequence[int]],
    settings: DistillationSettings,
    generator: np.random.Generator,
) -> Distillation:
    """Learns the constants.

    Args:
        loaded: The intact model.
        assignment: Program of each head, with the constants to start from.
        order: Heads, the first to be replaced first.
        texts: Tokenised training texts.
        settings: Steps, batch, step size, shares.
        generator: Draws texts and shares.
    """
    assignment = {head: program for head, program in assignment.items() if has_terms(program)}
    soft = SoftPrograms(loaded, assignment)
    optimiser = torch.optim.Adam([soft.constants], lr=settings.rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(settings.steps, 1))
    rows = []
    pool: list[int] = []
    for step in progress(range(settings.steps), "distillation", unit="steps"):
        if len(pool) < settings.batch_texts:
            pool += generator.permutation(len(texts)).tolist()
        batch = [texts[pool.pop()] for _ in range(min(settings.batch_texts, len(texts)))]
        percent = settings.percents[step % len(settings.percents)]
        chosen = {head: assignment[head] for head in heads_at(order, percent) if head in assignment}
        intact = intact_log_probabilities(loaded, batch)
        with patch_softly(loaded, chosen, soft):
            found = divergence(loaded, batch, intact)
        optimiser.zero_grad()
        # Of the logarithm: a share that costs little counts as much as one that costs a hundred times more.
        torch.autograd.backward((found + SMALLEST).log())
        optimiser.step()
        schedule.step()
        rows.append({"step": step, "percent": percent, "divergence": float(found.detach())})
    learned = soft.constants.detach().cpu().numpy()
    constants = {
        head: [float(value) for value in learned[row, : len(soft.terms[head])]] for row, head in enumerate(soft.heads)
    }
    return Distillation(constants, pd.DataFrame(rows, columns=["step", "percent", "divergence"]))
