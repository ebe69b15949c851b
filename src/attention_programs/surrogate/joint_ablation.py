"""Which heads the model can spare together: the joint ablation effect, measured with random other heads replaced.

A head that is harmless alone may be the last one left that does its job. So heads are replaced in random sets, mostly
of those that seem harmless so far, and the slope at each gate between a head and its program shows what opening it a
little further costs. The mean of the slopes at the closed and the open gate approximates the cost of opening it fully
(trapezoid rule), and one backward pass gives the slopes of all gates.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from attention_programs.config import Precision
from attention_programs.models.head import Head
from attention_programs.progress import progress
from attention_programs.surrogate.intervention import PatchedModel
from attention_programs.surrogate.losses import passes_in, with_predictions
from attention_programs.surrogate.original_predictions import divergence, original_log_probabilities


@dataclass(frozen=True)
class Sweep:
    """How one part of the random sets is drawn."""

    fractions: tuple[float, ...]
    """Fractions of heads in a set, in turn."""
    spread: float
    """Standard deviation of the noise on a head's rank when a set is drawn, as a fraction of the heads."""
    rounds: int
    """How often the ranking that sets are drawn from is updated."""


SWEEPS = (Sweep((0.2, 0.3, 0.4, 0.5), 0.15, 4), Sweep((0.15, 0.25, 0.3), 0.08, 2))
"""First larger sets of heads, then smaller ones of those that go first, whose cost shows best with few others."""


def _by_cost(ranking: Sequence[int], sums: np.ndarray, counts: np.ndarray) -> list[int]:
    """Heads by ascending cost; those that were never in a set stay last, as they were."""
    cost = np.where(counts[:, 1] > 0, (sums / np.maximum(counts, 1)).mean(axis=1), np.inf)
    return sorted(ranking, key=lambda row: cost[row])


def rank_by_joint_ablation(
    patched: PatchedModel,
    first: Sequence[Head],
    texts: Sequence[Sequence[int]],
    draws: int,
    batch_texts: int,
    precision: Precision,
    generator: np.random.Generator,
) -> list[Head]:
    """Ranks heads by joint ablation effect.

    Args:
        patched: The model with every head of interest replaced; its gates are set here.
        first: These heads in their initial order.
        texts: Tokenised texts.
        draws: Number of random sets of heads, each with its own texts.
        batch_texts: Texts per draw.
        precision: Precision of the passes.
        generator: Draws sets and texts.
    """
    texts = with_predictions([tuple(text) for text in texts], "joint ablation effect")
    heads = sorted(patched.assignment)
    ranking = [heads.index(head) for head in first]
    bar = iter(progress(range(draws), "joint ablation effect", unit="draws"))
    for number, sweep in enumerate(SWEEPS):
        sums, counts = np.zeros((2, len(heads), 2))  # of slopes over draws, closed gates in column 0, open ones in 1
        own = draws * (number + 1) // len(SWEEPS) - draws * number // len(SWEEPS)
        for draw in range(own):
            next(bar, None)
            ranks = np.argsort(ranking) + generator.normal(0, sweep.spread * len(heads), len(heads))
            opened = np.zeros(len(heads), bool)
            opened[np.argsort(ranks)[: round(sweep.fractions[draw % len(sweep.fractions)] * len(heads))]] = True
            batch = [texts[i] for i in generator.choice(len(texts), min(batch_texts, len(texts)), replace=False)]
            drawn = np.arange(len(heads)), opened.astype(int)
            sums[drawn] += gate_slopes(patched, heads, opened, batch, precision)
            counts[drawn] += 1
            if (draw + 1) % max(1, own // sweep.rounds) == 0:
                ranking = _by_cost(ranking, sums, counts)
        ranking = _by_cost(ranking, sums, counts)
    next(bar, None)
    return [heads[row] for row in ranking]


def gate_slopes(
    patched: PatchedModel,
    heads: Sequence[Head],
    opened: np.ndarray,
    batch: Sequence[Sequence[int]],
    precision: Precision,
) -> np.ndarray:
    """Slope of the divergence with respect to each gate, shape (heads,)."""
    loaded = patched.loaded
    gates = {
        head: torch.full((len(batch),), float(gate), device=patched.model.device, requires_grad=True)
        for head, gate in zip(heads, opened, strict=True)
    }
    closed = {head: torch.zeros_like(gate) for head, gate in gates.items()}
    with passes_in(precision, loaded):
        with patched.gated(closed):
            original = original_log_probabilities(loaded, batch)
        with patched.gated(gates):
            found = divergence(loaded, batch, original)
    slopes = torch.autograd.grad(found, list(gates.values()))
    return np.array([float(slope.sum()) for slope in slopes])
