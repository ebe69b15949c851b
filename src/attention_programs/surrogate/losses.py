"""The loss of a model on texts, measured the same way whether it is patched or not."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
import torch

from attention_programs.config import Precision
from attention_programs.models.loading import LoadedModel
from attention_programs.models.precision import computed_in, weights_kept
from attention_programs.surrogate.intervention import PatchedModel
from attention_programs.surrogate.output_sums import sum_outputs

MASK_STRIDE = 7
"""For encoders: every seventh token is masked at a time, so that each is masked once in seven passes."""
LOGITS_BYTES = 2**31
"""Bound on the logits of a pass in single precision: 32 texts of 64 tokens with the largest vocabularies, 262,144."""
FEWEST_TOKENS = 2
"""Tokens of a text in which something is predicted from something."""


def passes_in(precision: Precision, loaded: LoadedModel) -> AbstractContextManager:
    """Computes matrix products in a lower precision if chosen; sums and states keep the model's own.

    A model that is already in half precision is not affected.
    """
    device = loaded.model.device.type
    shorter = computed_in(precision, device) == "bfloat16" and loaded.record.dtype == "float32"
    return torch.autocast(device, torch.bfloat16, enabled=shorter)


def with_predictions(texts: Sequence[tuple[int, ...]], purpose: str) -> list[tuple[int, ...]]:
    """The tokenised texts with something to predict; reports how many are left out."""
    found = [text for text in texts if len(text) >= FEWEST_TOKENS]
    if len(found) < len(texts):
        print(
            f"{purpose}: {len(texts) - len(found)} of {len(texts)} texts have only one token and are left out",
            file=sys.stderr,
        )
    return found


def in_batches(
    loaded: LoadedModel, texts: Sequence[Sequence[int]], batch_texts: int, logits_bytes: int = LOGITS_BYTES
) -> list[Sequence[Sequence[int]]]:
    """Divides tokenised texts, in order, into batches for one pass each.

    Args:
        loaded: The model.
        texts: The texts.
        batch_texts: The most texts in a batch.
        logits_bytes: Bound on a batch's logits in single precision; a batch has one text at least.
    """
    of_text = 4 * max(map(len, texts), default=1) * len(loaded.model.get_input_embeddings().weight)
    size = max(1, min(batch_texts, logits_bytes // of_text))
    return [texts[start : start + size] for start in range(0, len(texts), size)]


@dataclass(frozen=True)
class TextLoss:
    """The summed loss of one text."""

    tokens: int
    """Tokens that were predicted."""
    loss_sum: float
    """Sum of their negative log-likelihoods, nats."""


@dataclass(frozen=True)
class BeginningLoss(TextLoss):
    """The summed loss of a text's beginning."""

    tokens_read: int
    """Tokens that the model read, including special tokens."""
    truncated: bool
    """Whether the text was cut."""


@dataclass(frozen=True)
class Prediction:
    """What a model predicted in one forward pass."""

    output: torch.Tensor
    """The logits in the model's precision, shape (batch, places, vocabulary)."""
    targets: torch.Tensor
    """The correct token at each place, shape (batch, places)."""
    counted: torch.Tensor
    """Whether the place counts (not padding and, for encoders, masked in this pass), shape (batch, places)."""

    @property
    def logits(self) -> torch.Tensor:
        """The logits in single precision, shape (batch, places, vocabulary)."""
        return self.output.float()

    def losses(self, log_partition: torch.Tensor) -> torch.Tensor:
        """Negative log-likelihood of each target, nats, shape (batch, places)."""
        right = self.output.gather(-1, self.targets.unsqueeze(-1)).squeeze(-1)
        return log_partition - right.float()


def perplexity(losses: Sequence[TextLoss]) -> float:
    """Corpus perplexity per token: exp(total loss / total tokens), like lm-eval's per-token perplexity.

    >>> round(perplexity([TextLoss(1, 0.0), TextLoss(3, 4.0)]), 4)
    2.7183
    """
    return float(np.exp(sum(loss.loss_sum for loss in losses) / sum(loss.tokens for loss in losses)))


def predictions(loaded: LoadedModel, texts: Sequence[Sequence[int]]) -> Iterator[Prediction]:
    """Predicts every token of a batch of right-padded texts exactly once over all passes.

    A causal model predicts each token except the first from those before it, in one pass. An encoder predicts each
    token in one of seven passes, with it and every seventh other token masked (pseudo-perplexity).
    """
    batch = loaded.pad(texts)
    ids, mask = batch.ids, batch.mask
    if loaded.record.causal:
        logits = loaded.model(input_ids=ids, attention_mask=mask, use_cache=False).logits
        yield Prediction(logits[:, :-1], ids[:, 1:], mask[:, 1:].bool())
        return
    places = torch.arange(ids.shape[1], device=ids.device)
    for phase in range(MASK_STRIDE):
        hidden = (places % MASK_STRIDE == phase)[None, :] & mask.bool()
        blanked = ids.masked_fill(hidden, loaded.tokenizer.mask_token_id)
        yield Prediction(loaded.model(input_ids=blanked, attention_mask=mask).logits, ids, hidden)


@torch.no_grad()  # in inference mode, autocast does not cache weights
def batch_losses(loaded: LoadedModel, texts: Sequence[Sequence[int]]) -> list[TextLoss]:
    """Losses of one batch of tokenised texts; in a text of one token, a causal model has nothing to predict."""
    totals = np.zeros(len(texts))
    counts = np.zeros(len(texts), dtype=int)
    for found in predictions(loaded, texts):
        losses = found.losses(sum_outputs(found.output).log_partition).double() * found.counted
        totals += losses.sum(dim=1).cpu().numpy()
        counts += found.counted.sum(dim=1).cpu().numpy()
    return [TextLoss(int(count), float(total)) for count, total in zip(counts, totals, strict=True)]


def ids_losses(
    model: LoadedModel | PatchedModel,
    texts: Sequence[Sequence[int]],
    batch_texts: int,
    precision: Precision = "float32",
) -> list[TextLoss]:
    """Losses of tokenised texts, ``batch_texts`` at a time, in passes of ``precision``."""
    loaded = model.loaded if isinstance(model, PatchedModel) else model
    batches = in_batches(loaded, texts, batch_texts)
    with weights_kept(loaded.model), passes_in(precision, loaded):
        return [loss for batch in batches for loss in batch_losses(loaded, batch)]


def text_losses(model: LoadedModel | PatchedModel, texts: Sequence[str], max_tokens: int) -> list[BeginningLoss]:
    """Losses of plain texts, each cut to ``max_tokens``, one at a time."""
    loaded = model.loaded if isinstance(model, PatchedModel) else model
    beginnings = [loaded.beginning(text, max_tokens) for text in texts]
    losses = ids_losses(loaded, [beginning.ids for beginning in beginnings], 1)
    return [
        BeginningLoss(loss.tokens, loss.loss_sum, len(beginning.ids), beginning.truncated)
        for loss, beginning in zip(losses, beginnings, strict=True)
    ]
