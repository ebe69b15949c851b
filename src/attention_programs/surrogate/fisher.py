"""What replacing heads would cost, estimated for all heads at once by the Fisher information.

Each head's pattern is blended with its program's by a gate: 0 is the head, 1 the program. To second order, opening a
gate moves the next-token predictions by KL = F / 2, where F is the mean square of d log p(sample) / d gate over samples
from the model's own predictions. One backward pass per sample gives it for every head.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from attention_programs.errors import UserError
from attention_programs.models.head import Head
from attention_programs.models.loading import LoadedModel
from attention_programs.progress import progress
from attention_programs.scoring.assignments import Assignment
from attention_programs.surrogate.intervention import PatchedModel
from attention_programs.surrogate.losses import in_batches, predictions, with_predictions
from attention_programs.surrogate.pattern_cache import PatternCache

BATCH_TEXTS = 8
"""Texts per pass; a pass keeps all activations for its gradient."""
LOGITS_BYTES = 2**29
"""Bound on a pass's logits in single precision, of which a gradient needs several copies; long texts are fewer."""


def fisher_effects(
    patched: PatchedModel,
    open_gates: Collection[Head],
    texts: Sequence[Sequence[int]],
    batch_texts: int,
    samples: int,
    generator: torch.Generator,
) -> dict[Head, float]:
    """Estimates the ablation effect of each replaced head, nats per token, given that others are already replaced.

    Args:
        patched: The model with every head of interest replaced; its gates are set here.
        open_gates: Heads that count as replaced; all others keep their own patterns.
        texts: Tokenised texts.
        batch_texts: Texts per pass.
        samples: Samples from the model's predictions, each costing a backward pass.
        generator: Source of randomness for the samples.

    Returns:
        One estimate per replaced head; for heads with open gates, from the slope at the open end.

    Raises:
        UserError: if no text has a token to predict.
    """
    texts = with_predictions([tuple(text) for text in texts], "Fisher estimate")
    sums = dict.fromkeys(patched.assignment, 0.0)
    count = 0
    for batch in in_batches(patched.loaded, texts, batch_texts, LOGITS_BYTES):
        gates = {
            head: torch.full((len(batch),), float(head in open_gates), device=patched.model.device, requires_grad=True)
            for head in patched.assignment
        }
        with patched.gated(gates):
            for found in predictions(patched.loaded, batch):
                log_p = found.logits.log_softmax(dim=-1)
                count += int(found.counted.sum())
                for sample in range(samples):
                    chosen = torch.multinomial(log_p.detach().exp().flatten(0, 1), 1, generator=generator)
                    drawn = log_p.gather(-1, chosen.view(*log_p.shape[:2], 1)).squeeze(-1)
                    slopes = torch.autograd.grad(
                        (drawn * found.counted).sum(), list(gates.values()), retain_graph=sample + 1 < samples
                    )
                    for head, slope in zip(gates, slopes, strict=True):
                        sums[head] += float(slope.square().sum()) / 2 / samples
    if not count:
        raise UserError("no text for the Fisher estimate has a token to predict; add longer texts")
    return {head: total / count for head, total in sums.items()}


@dataclass(frozen=True)
class FisherRankings:
    """Heads by ascending estimated ablation effect."""

    first: list[Head]
    """By a single estimate on the original model."""
    iterative: list[Head]
    """With a new estimate after each batch of heads is replaced."""


def iterative_fisher_rankings(
    loaded: LoadedModel,
    assignment: Assignment,
    texts: Sequence[Sequence[int]],
    cache: PatternCache,
    samples: int,
    rounds: int,
    seed: int,
    look_ahead: Collection[str] = (),
) -> FisherRankings:
    """Ranks heads by estimated ablation effect, with a new estimate after each batch of heads is replaced.

    Args:
        loaded: The original model.
        assignment: Program of each head.
        texts: Tokenised texts.
        cache: Patterns of the programs.
        samples: Samples from the model's predictions.
        rounds: Number of batches in which heads are replaced, with an estimate before each.
        seed: Seed of the samples.
        look_ahead: Names of programs that may look ahead.
    """
    generator = torch.Generator(device=loaded.model.device).manual_seed(seed)
    taken: list[Head] = []
    first: list[Head] = []
    share = int(np.ceil(len(assignment) / rounds))
    with PatchedModel(loaded, assignment, cache, look_ahead) as patched:
        for _ in progress(range(rounds), "Fisher estimates of ablation effect", unit="rounds"):
            ablation_effects = fisher_effects(patched, taken, texts, BATCH_TEXTS, samples, generator)
            ranked = sorted(ablation_effects.keys() - set(taken), key=lambda head: (ablation_effects[head], head))
            first = first or ranked
            taken += ranked[:share]
    return FisherRankings(first, taken)
