"""The loss of a model on texts; patched or not, it is measured alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from attention_programs.models.loading import LoadedModel
from attention_programs.surrogate.intervention import PatchedModel

MASK_STRIDE = 7
"""For encoders: every seventh token is masked at a time, so that each is masked once in seven passes."""


@dataclass(frozen=True)
class TextLoss:
    """The summed loss of one text."""

    tokens: int
    """Tokens that were predicted."""
    loss_sum: float
    """Sum of their negative log-likelihoods, nats."""


def perplexity(losses: Sequence[TextLoss]) -> float:
    """Corpus perplexity per token: exp(total loss / total tokens), as lm-eval's per-token one.

    >>> round(perplexity([TextLoss(1, 0.0), TextLoss(3, 4.0)]), 4)
    2.7183
    """
    return float(np.exp(sum(loss.loss_sum for loss in losses) / sum(loss.tokens for loss in losses)))


@torch.inference_mode()
def ids_losses(model: LoadedModel | PatchedModel, texts: Sequence[Sequence[int]], batch_texts: int) -> list[TextLoss]:
    """Losses of tokenised texts, padded on the right within a batch; a text of one token has nothing to predict."""
    loaded = model.loaded if isinstance(model, PatchedModel) else model
    losses: list[TextLoss] = []
    for start in range(0, len(texts), batch_texts):
        batch = texts[start : start + batch_texts]
        longest = max(map(len, batch))
        ids = torch.full((len(batch), longest), loaded.tokenizer.pad_token_id)
        mask = torch.zeros_like(ids)
        for row, tokens in enumerate(batch):
            ids[row, : len(tokens)] = torch.tensor(tokens)
            mask[row, : len(tokens)] = 1
        device = loaded.model.device
        measure = _causal_losses if loaded.record.causal else _masked_losses
        sums = measure(loaded, ids.to(device), mask.to(device))
        predicted = [len(tokens) - 1 if loaded.record.causal else len(tokens) for tokens in batch]
        losses += [TextLoss(count, float(total)) for count, total in zip(predicted, sums, strict=True)]
    return losses


def _token_losses(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Negative log-likelihood of each target, shape of ``targets``; in float32 whatever the model computes in."""
    logits = logits.float()
    chosen = logits.gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    return logits.logsumexp(dim=-1) - chosen


def _causal_losses(loaded: LoadedModel, ids: torch.Tensor, mask: torch.Tensor) -> Any:
    logits = loaded.model(input_ids=ids, attention_mask=mask, use_cache=False).logits[:, :-1]
    return (_token_losses(logits, ids[:, 1:]).double() * mask[:, 1:]).sum(dim=1).tolist()


def _masked_losses(loaded: LoadedModel, ids: torch.Tensor, mask: torch.Tensor) -> Any:
    """Pseudo-loss of an encoder: each token predicted once while it and every seventh other are masked."""
    total = torch.zeros(ids.shape[0], dtype=torch.float64, device=ids.device)
    positions = torch.arange(ids.shape[1], device=ids.device)
    for phase in range(MASK_STRIDE):
        hidden = (positions % MASK_STRIDE == phase)[None, :] & mask.bool()
        blanked = ids.masked_fill(hidden, loaded.tokenizer.mask_token_id)
        logits = loaded.model(input_ids=blanked, attention_mask=mask).logits
        total += (_token_losses(logits, ids).double() * hidden).sum(dim=1)
    return total.tolist()


def text_losses(model: LoadedModel | PatchedModel, texts: Sequence[str], max_tokens: int) -> list[TextLoss]:
    """Losses of plain texts, each cut to ``max_tokens``, one at a time."""
    loaded = model.loaded if isinstance(model, PatchedModel) else model
    return [loss for text in texts for loss in ids_losses(model, [loaded.encode(text, max_tokens)], 1)]
