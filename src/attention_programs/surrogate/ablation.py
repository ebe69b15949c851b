"""The ablation effect of single heads: what replacing only one of them costs."""

import math
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from attention_programs.config import Precision
from attention_programs.errors import UserError
from attention_programs.models.architecture import decoder_layers, each_layer
from attention_programs.models.head import Head
from attention_programs.models.loading import LoadedModel
from attention_programs.models.precision import weights_kept
from attention_programs.progress import progress
from attention_programs.scoring.bootstrap import rank_correlation
from attention_programs.surrogate.constant_output import Replaced
from attention_programs.surrogate.intervention import PatchedModel
from attention_programs.surrogate.losses import in_batches, passes_in, predictions, with_predictions
from attention_programs.surrogate.output_sums import sum_outputs
from attention_programs.surrogate.pattern_cache import PatternCache


@dataclass(frozen=True)
class AblationEffect:
    """How much predictions change when only one head is replaced; means over texts, nats per token."""

    head: Head
    ablation_effect: float
    """KL divergence of the patched model's next-token distribution from the original's. It ranks heads with far less
    noise than the loss, which may also fall by chance."""
    standard_error: float
    """Standard error of the divergence over texts."""
    loss_increase: float
    """Increase of the loss."""


@dataclass(frozen=True)
class _Original:
    """The original model's outputs on a batch, in lists with one tensor per pass."""

    texts: Sequence[Sequence[int]]
    layer_outputs: list[Any]
    """Empty for encoders, which see each text several times with different tokens masked."""
    probabilities: list[torch.Tensor]
    """Shape (batch, places, vocabulary)."""
    negentropies: list[torch.Tensor]
    """Sum of p log p, shape (batch, places)."""
    losses: list[torch.Tensor]
    """Shape (batch, places)."""


@contextmanager
def _remembered(layers: Sequence[torch.nn.Module], outputs: Sequence[Any]) -> Iterator[None]:
    """Makes layers return their recorded outputs: below the replaced head nothing changes."""
    for layer, output in zip(layers, outputs, strict=True):
        layer.forward = lambda *_args, _output=output, **_kwargs: _output
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward


@torch.no_grad()  # in inference mode, autocast does not cache weights
def _run_original(loaded: LoadedModel, texts: Sequence[Sequence[int]]) -> _Original:
    outputs: list[Any] = []
    with each_layer(loaded.model, lambda _, output: outputs.append(output)):
        passes = list(predictions(loaded, texts))
    partitions = [sum_outputs(found.output).log_partition for found in passes]
    read = [_distribution(found.output, partition) for found, partition in zip(passes, partitions, strict=True)]
    return _Original(
        texts,
        outputs if loaded.record.causal else [],
        [each.probabilities for each in read],
        [each.negentropy for each in read],
        [found.losses(partition) for found, partition in zip(passes, partitions, strict=True)],
    )


@dataclass(frozen=True)
class _Distribution:
    """What a pass predicted; single precision."""

    probabilities: torch.Tensor
    """Shape (batch, places, vocabulary)."""
    negentropy: torch.Tensor
    """Sum of p log p, shape (batch, places)."""


def _distribution(output: torch.Tensor, log_partition: torch.Tensor) -> _Distribution:
    """The distribution of logits: one text at a time, so that nothing else is as large as they are."""
    p, negentropy = torch.empty(output.shape, device=output.device), torch.empty_like(log_partition)
    with torch.autocast(output.device.type, enabled=False):  # in full precision whatever the pass was computed in
        for text, logits in enumerate(output):
            log_p = logits.float() - log_partition[text, :, None]
            p[text] = log_p.exp()
            negentropy[text] = torch.linalg.vecdot(p[text], log_p)
    return _Distribution(p, negentropy)


@torch.no_grad()  # in inference mode, autocast does not cache weights
def _compare(loaded: LoadedModel, original: _Original) -> np.ndarray:
    """Mean divergence and mean loss increase over each text's predicted tokens, shape (texts, 2).

    KL(p || q) = sum of p log p + log Z - sum of p z, with q's logits z and their partition sum Z: the logits are read
    twice, and no array of their size is written.
    """
    sums = np.zeros((len(original.texts), 2))
    counts = np.zeros((len(original.texts), 1))
    for found, p, negentropy, before in zip(
        predictions(loaded, original.texts), original.probabilities, original.negentropies, original.losses, strict=True
    ):
        read = sum_outputs(found.output, p)
        divergence = negentropy + read.log_partition - read.weighted
        both = torch.stack([divergence, found.losses(read.log_partition) - before], dim=-1).double()
        sums += (both * found.counted.unsqueeze(-1)).sum(dim=1).cpu().numpy()
        counts += found.counted.sum(dim=1, keepdim=True).cpu().numpy()
    return sums / counts


@dataclass(frozen=True)
class SingleEffects:
    """The ablation effect of every head."""

    heads: list[AblationEffect]
    """In the order of the replaced heads."""
    texts: int
    """Number of texts they were measured on."""
    reliability: float
    """How well the head ranking would agree with that on as many other texts, see :func:`rank_reliability`."""


def measure_ablation_effects(
    loaded: LoadedModel,
    replaced: Replaced,
    texts: Sequence[Sequence[int]],
    cache: PatternCache,
    batch_texts: int,
    look_ahead: Collection[str] = (),
    precision: Precision = "float32",
) -> SingleEffects:
    """Replaces one head at a time and compares the predictions on the same texts.

    The layers below the head need not run again; for causal models, their outputs are kept from the original run.

    Raises:
        UserError: if no text has a token to predict.
    """
    texts = with_predictions([tuple(text) for text in texts], "single-head ablation effects")
    if not texts:
        raise UserError("no text has a token to predict, so ablation effects can't be measured; add longer texts")
    batches = in_batches(loaded, texts, batch_texts)
    parts: dict[Head, list[np.ndarray]] = {head: [] for head in replaced}
    layers = list(decoder_layers(loaded.model))
    steps = iter(progress(range(len(batches) * len(replaced)), "effects of single heads", unit="heads"))
    with weights_kept(loaded.model), passes_in(precision, loaded):
        for batch in batches:
            original = _run_original(loaded, batch)
            for head, replacement in replaced.items():
                next(steps)
                keep = head.layer if original.layer_outputs else 0
                with (
                    PatchedModel(loaded, {head: replacement}, cache, look_ahead),
                    _remembered(layers[:keep], original.layer_outputs[:keep]),
                ):
                    parts[head].append(_compare(loaded, original))
    next(steps, None)
    values = np.stack([np.concatenate(found) for found in parts.values()])  # shape (heads, texts, 2)
    heads = [_summarise(head, own) for head, own in zip(parts, values, strict=True)]
    return SingleEffects(heads, len(texts), rank_reliability(values[:, :, 0]))


def _summarise(head: Head, values: np.ndarray) -> AblationEffect:
    divergence, increase = values.mean(axis=0)
    error = values[:, 0].std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0
    return AblationEffect(head, float(divergence), float(error), float(increase))


def rank_reliability(values: np.ndarray, splits: int = 100) -> float:
    """Reliability of the ranking of rows by their mean over columns (Spearman-Brown).

    Columns are split into random halves; with r the mean rank correlation between the two halves' means, all columns
    together have reliability 2 r / (1 + r).

    Args:
        values: Shape (rows, columns).
        splits: Number of random splits.

    Returns:
        At most 1; NaN for fewer than 4 columns or 3 rows.

    >>> rank_reliability(np.array([[1.0, 1.1, 0.9, 1.0], [2.0, 2.1, 1.9, 2.0], [3.0, 3.1, 2.9, 3.0]]))
    1.0
    """
    rows, columns = values.shape
    if columns < 4 or rows < 3:
        return math.nan
    generator = np.random.default_rng(0)
    found = []
    for _ in range(splits):
        shuffled = generator.permutation(columns)
        first, second = (values[:, half].mean(axis=1) for half in np.array_split(shuffled, 2))
        found.append(rank_correlation(first, second))
    mean = float(np.nanmean(found))
    return round(2 * mean / (1 + mean), 6) if mean > -1 else math.nan
