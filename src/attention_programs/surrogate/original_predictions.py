"""The original model's predictions, and a patched model's divergence from them."""

from collections.abc import Sequence
from functools import partial

import torch
from torch.nn.utils.rnn import pad_sequence
from torch.utils.checkpoint import checkpoint

from attention_programs.errors import UserError
from attention_programs.models.loading import LoadedModel
from attention_programs.surrogate.losses import FEWEST_TOKENS, predictions


def divergence(loaded: LoadedModel, texts: Sequence[Sequence[int]], original: Sequence[torch.Tensor]) -> torch.Tensor:
    """Mean KL divergence of the model's predictions from the original ones, nats per token; a scalar with its gradient.

    Args:
        loaded: The model, patched.
        texts: A batch of tokenised texts.
        original: What the original model predicts on it, one tensor per pass, shape (batch, places, vocabulary).

    Raises:
        UserError: if no text of the batch has a token to predict.
    """
    if max(map(len, texts)) < FEWEST_TOKENS and loaded.record.causal:
        raise UserError("no text of the batch has a token to predict; leave out texts of a single token")
    device = loaded.model.device
    total, count = torch.zeros((), device=device), torch.zeros((), device=device)
    for found, before in zip(predictions(loaded, texts), original, strict=True):
        # One text at a time, whose intermediate results are computed again for the gradient: there are several of the
        # size of the logits, which are large where the vocabulary is.
        again = partial(checkpoint, _divergence, use_reentrant=False, preserve_rng_state=False)
        each = torch.stack([again(*row) for row in zip(found.output.unbind(), before, strict=True)])
        total = total + (each * found.counted).sum()
        count = count + found.counted.sum()
    return total / count


def _divergence(logits: torch.Tensor, original: torch.Tensor) -> torch.Tensor:
    """The divergence at each place of a text, shape (places,)."""
    log_ratio = original - logits.float().log_softmax(dim=-1)
    return (original.exp() * log_ratio).sum(dim=-1)  # not a matrix product, so it stays in full precision


@torch.no_grad()
def original_log_probabilities(loaded: LoadedModel, texts: Sequence[Sequence[int]]) -> list[torch.Tensor]:
    """The model's log probabilities without gradients, one tensor per pass."""
    return [found.logits.log_softmax(dim=-1) for found in predictions(loaded, texts)]


Ids = tuple[int, ...]
RUN_TEXTS = 16
"""Texts run together, always in the same groups, so that results don't depend on the order of requests."""


class OriginalPredictions:
    """Next-token distributions of the original model.

    For each text, the input of the output layer is kept and the layer applied again on request: 15 MiB for a hundred
    texts of 64 tokens and a width of 576. If an architecture changes the logits after that layer, nothing is kept
    and the model runs again.

    Args:
        loaded: The model; it must be unpatched at every request.
        texts: All texts that will be requested.
    """

    def __init__(self, loaded: LoadedModel, texts: Sequence[Ids]) -> None:
        self._loaded = loaded
        self._output_layer = loaded.model.get_output_embeddings()
        self._kept: dict[Ids, list[torch.Tensor]] = {}
        distinct = list(dict.fromkeys(texts))
        runs = [distinct[start : start + RUN_TEXTS] for start in range(0, len(distinct), RUN_TEXTS)]
        self._run_of = {text: run for run in runs for text in run}
        self._applicable = bool(runs) and self._keep(runs[0], check=True)

    @torch.no_grad()
    def log_probabilities(self, texts: Sequence[Ids]) -> list[torch.Tensor]:
        """Log probabilities on a right-padded batch, one tensor per pass, shape (batch, places, vocabulary)."""
        if not self._applicable:
            return original_log_probabilities(self._loaded, texts)
        for text in texts:
            if text not in self._kept:
                self._keep(self._run_of[text])
        passes = zip(*(self._kept[text] for text in texts), strict=True)
        return [self._apply(pad_sequence(list(states), batch_first=True)) for states in passes]

    def _apply(self, states: torch.Tensor) -> torch.Tensor:
        logits = self._output_layer(states)[:, : -1 if self._loaded.record.causal else None]
        return logits.float().log_softmax(dim=-1)

    @torch.no_grad()
    def _keep(self, texts: Sequence[Ids], check: bool = False) -> bool:
        """Runs texts and keeps their states; returns whether the output layer alone reproduces the predictions."""
        states: list[torch.Tensor] = []
        handle = self._output_layer.register_forward_pre_hook(lambda _module, inputs: states.append(inputs[0]))
        try:
            outputs = [found.output for found in predictions(self._loaded, texts)]
        finally:
            handle.remove()
        for row, text in enumerate(texts):
            self._kept[text] = [state[row, : len(text)].clone() for state in states]
        return not check or all(map(self._reproduces, states, outputs))

    def _reproduces(self, states: torch.Tensor, output: torch.Tensor) -> bool:
        """Whether the output layer gives an output's log probabilities; one text at a time, to save memory."""
        return all(
            torch.allclose(log_p, logits.float().log_softmax(dim=-1), atol=1e-4)
            for log_p, logits in zip(self._apply(states), output, strict=True)
        )
