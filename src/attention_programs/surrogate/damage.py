"""What replacing one head alone costs."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from attention_programs.heads import Head
from attention_programs.models.loading import LoadedModel
from attention_programs.progress import progress
from attention_programs.surrogate.intervention import PatchedModel, decoder_layers
from attention_programs.surrogate.maps import Assignment, MapCache
from attention_programs.surrogate.perplexity import TextLoss, ids_losses


@dataclass(frozen=True)
class HeadDamage:
    """Increase of the loss when one head alone is replaced."""

    head: Head
    damage: float
    """Mean over texts, nats per token."""
    standard_error: float
    """Of that mean, over texts."""


@contextmanager
def _remembered(layers: Sequence[torch.nn.Module], outputs: Sequence[Any]) -> Iterator[None]:
    """Lets layers return what they returned before: below the replaced head nothing changes."""
    for layer, output in zip(layers, outputs, strict=True):
        layer.forward = lambda *_args, _output=output, **_kwargs: _output
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward


def _layer_outputs(loaded: LoadedModel, texts: Sequence[Sequence[int]]) -> list[Any]:
    outputs: list[Any] = []
    handles = [
        layer.register_forward_hook(lambda _m, _a, output: outputs.append(output))
        for layer in decoder_layers(loaded.model)
    ]
    try:
        ids_losses(loaded, texts, len(texts))
    finally:
        for handle in handles:
            handle.remove()
    return outputs


def _per_token(losses: Sequence[TextLoss]) -> np.ndarray:
    return np.array([loss.loss_sum / loss.tokens for loss in losses])


def measure_damage(
    loaded: LoadedModel,
    assignment: Assignment,
    texts: Sequence[Sequence[int]],
    cache: MapCache,
    batch_texts: int,
) -> list[HeadDamage]:
    """Replaces each head alone and measures the loss on the same texts.

    The layers below the head need not run again; for causal models their outputs are kept from the intact run.

    Returns:
        One record a head, in the order of ``assignment``.
    """
    batches = [texts[i : i + batch_texts] for i in range(0, len(texts), batch_texts)]
    increases: dict[Head, list[np.ndarray]] = {head: [] for head in assignment}
    layers = list(decoder_layers(loaded.model))
    work = [(batch, head) for batch in batches for head in assignment]
    previous: Sequence[Sequence[int]] = ()
    for batch, head in progress(work, "damage of single heads", unit="heads"):
        if batch is not previous:
            intact = _per_token(ids_losses(loaded, batch, len(batch)))
            # An encoder sees each text several times with other tokens masked, so nothing can be kept.
            outputs = _layer_outputs(loaded, batch) if loaded.record.causal else []
            previous = batch
        keep = head.layer if loaded.record.causal else 0
        with PatchedModel(loaded, {head: assignment[head]}, cache), _remembered(layers[:keep], outputs[:keep]):
            increases[head].append(_per_token(ids_losses(loaded, batch, len(batch))) - intact)
    damages = []
    for head, parts in increases.items():
        values = np.concatenate(parts)
        error = float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0
        damages.append(HeadDamage(head, float(values.mean()), error))
    return damages
