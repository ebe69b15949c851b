"""How far a patched model's predictions are from the intact model's."""

from collections.abc import Sequence

import torch

from attention_programs.errors import UserError
from attention_programs.models.loading import LoadedModel
from attention_programs.surrogate.perplexity import FEWEST_TOKENS, predictions


def divergence(loaded: LoadedModel, texts: Sequence[Sequence[int]], intact: Sequence[torch.Tensor]) -> torch.Tensor:
    """Mean KL divergence of the model's predictions from the intact ones, nats a token; a scalar with its gradient.

    Args:
        loaded: The model, patched.
        texts: A batch of tokenised texts.
        intact: What the intact model predicts on it, one tensor a pass, shape (batch, places, vocabulary).

    Raises:
        UserError: if no text of the batch holds a token to predict.
    """
    if max(map(len, texts)) < FEWEST_TOKENS and loaded.record.causal:
        raise UserError("no text of the batch holds a token to predict; leave out texts of a single token")
    device = loaded.model.device
    total, count = torch.zeros((), device=device), torch.zeros((), device=device)
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
