"""What replacing heads would cost, estimated for all heads at once by the Fisher information.

Each head's map is blended with its program's by a gate: 0 is the head, 1 the program. To second order, opening a gate
moves the next-token predictions by KL = F / 2, where F is the mean square of d log p(sample) / d gate over samples from
the model's own predictions. One backward pass a sample gives it for every head.
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
from attention_programs.surrogate.maps import MapCache
from attention_programs.surrogate.perplexity import predictions, with_predictions

BATCH_TEXTS = 8
"""Texts in one pass, which keeps everything for its gradient."""


def fisher_damage(
    patched: PatchedModel,
    open_gates: Collection[Head],
    texts: Sequence[Sequence[int]],
    batch_texts: int,
    samples: int,
    generator: torch.Generator,
) -> dict[Head, float]:
    """Estimates the damage of each replaced head, nats a token, in the presence of heads that are replaced already.

    Args:
        patched: The model with every head of interest replaced; its gates are set here.
        open_gates: Heads that count as replaced; all others count as their own.
        texts: Tokenised texts.
        batch_texts: Texts in one pass.
        samples: Draws from the model's predictions, each at the cost of a backward pass.
        generator: Draws.

    Returns:
        One estimate a replaced head; for heads with open gates that of the last bit of the way.

    Raises:
        UserError: if no text holds a token to predict.
    """
    texts = with_predictions([tuple(text) for text in texts], "Fisher estimate")
    sums = dict.fromkeys(patched.assignment, 0.0)
    count = 0
    for start in range(0, len(texts), batch_texts):
        batch = texts[start : start + batch_texts]
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
        raise UserError("no text of the Fisher estimate holds a token to predict; add longer texts")
    return {head: total / count for head, total in sums.items()}


@dataclass(frozen=True)
class EstimatedOrders:
    """Heads by ascending estimated damage."""

    first: list[Head]
    """By the estimate for the intact model alone."""
    anew: list[Head]
    """Estimated anew after each share of the heads is replaced."""


def greedy_order(
    loaded: LoadedModel,
    assignment: Assignment,
    texts: Sequence[Sequence[int]],
    cache: MapCache,
    samples: int,
    rounds: int,
    seed: int,
    look_ahead: Collection[str] = (),
) -> EstimatedOrders:
    """Orders heads by estimated damage, estimated anew after each share of the heads is replaced.

    Args:
        loaded: The intact model.
        assignment: Program of each head.
        texts: Tokenised texts.
        cache: Maps of the programs.
        samples: Draws from the model's predictions.
        rounds: Shares that the heads are taken in, with an estimate before each.
        seed: Of the draws.
        look_ahead: Names of programs that may look ahead.
    """
    generator = torch.Generator(device=loaded.model.device).manual_seed(seed)
    taken: list[Head] = []
    first: list[Head] = []
    share = int(np.ceil(len(assignment) / rounds))
    with PatchedModel(loaded, assignment, cache, look_ahead) as patched:
        for _ in progress(range(rounds), "Fisher estimates of damage", unit="rounds"):
            damages = fisher_damage(patched, taken, texts, BATCH_TEXTS, samples, generator)
            ranked = sorted((head for head in damages if head not in taken), key=lambda head: (damages[head], head))
            first = first or ranked
            taken += ranked[:share]
    return EstimatedOrders(first, taken)
