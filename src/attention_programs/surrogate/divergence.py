"""How far a patched model's predictions are from the intact model's."""

from collections.abc import Sequence
from contextlib import AbstractContextManager

import torch

from attention_programs.config import Precision
from attention_programs.models.loading import LoadedModel
from attention_programs.surrogate.perplexity import predictions


def passes_in(precision: Precision, loaded: LoadedModel) -> AbstractContextManager:
    """Lets products of matrices be computed in a shorter precision; sums and states keep the model's own."""
    return torch.autocast(loaded.model.device.type, torch.bfloat16, enabled=precision == "bfloat16")


def divergence(loaded: LoadedModel, texts: Sequence[Sequence[int]], intact: Sequence[torch.Tensor]) -> torch.Tensor:
    """Mean KL divergence of the model's predictions from the intact ones, nats a token; a scalar with its gradient.

    Args:
        loaded: The model, patched.
        texts: A batch of tokenised texts.
        intact: What the intact model predicts on it, one tensor a pass, shape (batch, places, vocabulary).
    """
    total, count = torch.zeros(()), torch.zeros(())
    for found, before in zip(predictions(loaded, texts), intact, strict=True):
        log_ratio = before - found.logits.log_softmax(dim=-1)
        each = (before.exp() * log_ratio).sum(dim=-1)  # no product of matrices: it stays in full precision
        total = total + (each * found.counted).sum()
        count = count + found.counted.sum()
    return total / count


@torch.no_grad()
def intact_log_probabilities(loaded: LoadedModel, texts: Sequence[Sequence[int]]) -> list[torch.Tensor]:
    """What the model predicts by itself, one tensor a pass."""
    return [found.logits.log_softmax(dim=-1) for found in predictions(loaded, texts)]
