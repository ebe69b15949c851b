"""Measures the losses of a model on the same texts, with different heads replaced."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import torch

from attention_programs.checkpoint import Checkpoint, Journal
from attention_programs.config import Precision
from attention_programs.errors import UserError
from attention_programs.files import sha256_text
from attention_programs.models.loading import LoadedModel
from attention_programs.surrogate.constant_output import Replaced
from attention_programs.surrogate.intervention import PatchedModel
from attention_programs.surrogate.losses import TextLoss, ids_losses
from attention_programs.surrogate.pattern_cache import PatternCache
from attention_programs.surrogate.windows import Windows


@dataclass(frozen=True)
class _Kept:
    """The losses of one measurement as a checkpoint keeps them, each of shape (texts,)."""

    tokens: torch.Tensor
    loss_sums: torch.Tensor


class LossMeter:
    """Measures losses; equal sets of heads and replacements only once.

    Args:
        loaded: The model.
        texts: The texts.
        batch_texts: Windows in one pass.
        cache: Patterns shared by all measurements.
        look_ahead: Names of programs that may look ahead.
        precision: Precision of the passes.
        checkpoint: Folder for finished measurements, from which an interrupted run resumes; the caller removes it.

    Raises:
        UserError: if no text has a token to predict.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        texts: Windows,
        batch_texts: int,
        cache: PatternCache,
        look_ahead: Collection[str] = (),
        precision: Precision = "float32",
        checkpoint: Path | None = None,
    ) -> None:
        self._loaded, self._texts, self._batch_texts = loaded, texts, batch_texts
        self._cache, self._look_ahead, self._precision = cache, look_ahead, precision
        known = repr((loaded.record.weights_sha256, texts.ids, texts.text_of, batch_texts, precision))
        self._journal = Journal(_Kept, Checkpoint(checkpoint, sha256_text(known)) if checkpoint else None)
        self.original = self.losses({})
        """Losses of the original model, one per text."""
        if not sum(loss.tokens for loss in self.original):
            raise UserError(
                f"the {len(self.original)} texts have no token to predict; raise attention.max_tokens or add texts"
            )

    def losses(self, replaced: Replaced) -> list[TextLoss]:
        """The losses with some heads replaced, one per text."""
        name = sha256_text(repr(sorted((str(head), each.id) for head, each in replaced.items())))
        kept = self._journal.step(name, lambda: self._measured(replaced))
        return [TextLoss(*each) for each in zip(kept.tokens.tolist(), kept.loss_sums.tolist(), strict=True)]

    def _measured(self, replaced: Replaced) -> _Kept:
        inputs = self._texts.ids, self._batch_texts, self._precision
        if replaced:
            with PatchedModel(self._loaded, replaced, self._cache, self._look_ahead) as patched:
                of_windows = ids_losses(patched, *inputs)
        else:
            of_windows = ids_losses(self._loaded, *inputs)
        losses = self._texts.by_text(of_windows)
        return _Kept(
            torch.tensor([loss.tokens for loss in losses]),
            torch.tensor([loss.loss_sum for loss in losses], dtype=torch.float64),
        )
