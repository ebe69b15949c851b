"""What replacing one head alone costs."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from attention_programs.heads import Head
from attention_programs.models.loading import LoadedModel
from attention_programs.progress import progress
from attention_programs.scoring.assignments import Assignment
from attention_programs.surrogate.intervention import PatchedModel, decoder_layers
from attention_programs.surrogate.maps import MapCache
from attention_programs.surrogate.perplexity import predictions


@dataclass(frozen=True)
class HeadDamage:
    """How far the predictions move when one head alone is replaced; means over texts, nats per token."""

    head: Head
    damage: float
    """KL divergence of the patched model's next-token distribution from the intact one's. It ranks heads with far less
    noise than the loss, which also falls by chance."""
    standard_error: float
    """Of the divergence, over texts."""
    loss_increase: float
    """Increase of the loss."""


@dataclass(frozen=True)
class _Intact:
    """What the intact model did on a batch."""

    texts: Sequence[Sequence[int]]
    layer_outputs: list[Any]
    """Empty for encoders, which see each text several times with other tokens masked."""
    log_probabilities: list[torch.Tensor]
    """Of each pass, shape (batch, places, vocabulary)."""
    losses: list[torch.Tensor]
    """Of each pass, shape (batch, places)."""


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


@torch.inference_mode()
def _run_intact(loaded: LoadedModel, texts: Sequence[Sequence[int]]) -> _Intact:
    outputs: list[Any] = []
    handles = [
        layer.register_forward_hook(lambda _module, _args, output: outputs.append(output))
        for layer in decoder_layers(loaded.model)
    ]
    try:
        passes = list(predictions(loaded, texts))
    finally:
        for handle in handles:
            handle.remove()
    kept = outputs if loaded.record.causal else []
    return _Intact(
        texts, kept, [found.logits.log_softmax(dim=-1) for found in passes], [found.losses() for found in passes]
    )


@torch.inference_mode()
def _compare(loaded: LoadedModel, intact: _Intact) -> np.ndarray:
    """Per text: mean divergence and mean increase of the loss over its predicted tokens, shape (texts, 2)."""
    sums = np.zeros((len(intact.texts), 2))
    counts = np.zeros((len(intact.texts), 1))
    for found, log_p, before in zip(
        predictions(loaded, intact.texts), intact.log_probabilities, intact.losses, strict=True
    ):
        # The log-ratio is formed first: it is small everywhere, so the sum keeps its precision.
        log_ratio = log_p - found.logits.log_softmax(dim=-1)
        divergence = torch.linalg.vecdot(log_p.exp(), log_ratio)
        both = torch.stack([divergence, found.losses() - before], dim=-1).double()
        sums += (both * found.counted.unsqueeze(-1)).sum(dim=1).cpu().numpy()
        counts += found.counted.sum(dim=1, keepdim=True).cpu().numpy()
    return sums / np.maximum(counts, 1)


def measure_damage(
    loaded: LoadedModel,
    assignment: Assignment,
    texts: Sequence[Sequence[int]],
    cache: MapCache,
    batch_texts: int,
    look_ahead: Collection[str] = (),
) -> list[HeadDamage]:
    """Replaces each head alone and compares the predictions on the same texts.

    The layers below the head need not run again; for causal models their outputs are kept from the intact run.

    Returns:
        One record a head, in the order of ``assignment``.
    """
    batches = [texts[start : start + batch_texts] for start in range(0, len(texts), batch_texts)]
    parts: dict[Head, list[np.ndarray]] = {head: [] for head in assignment}
    layers = list(decoder_layers(loaded.model))
    bar = progress(range(len(batches) * len(assignment)), "damage of single heads", unit="heads")
    steps = iter(bar)
    for batch in batches:
        intact = _run_intact(loaded, batch)
        for head, program in assignment.items():
            next(steps)
            keep = head.layer if intact.layer_outputs else 0
            with (
                PatchedModel(loaded, {head: program}, cache, look_ahead),
                _remembered(layers[:keep], intact.layer_outputs[:keep]),
            ):
                parts[head].append(_compare(loaded, intact))
    next(steps, None)
    return [_summarise(head, np.concatenate(found)) for head, found in parts.items()]


def _summarise(head: Head, values: np.ndarray) -> HeadDamage:
    divergence, increase = values.mean(axis=0)
    error = values[:, 0].std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0
    return HeadDamage(head, float(divergence), float(error), float(increase))
