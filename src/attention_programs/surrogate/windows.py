"""Long texts cut into windows as long as the texts that programs were fitted on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from attention_programs.attention.pattern_store import TextAttention
from attention_programs.config import ReplacementSettings
from attention_programs.corpora.text import Split, Text
from attention_programs.errors import UserError
from attention_programs.models.loading import LoadedModel
from attention_programs.surrogate.losses import TextLoss

SHORTEST = 8
"""Minimum tokens of a text's last window; a shorter one is left out."""


@dataclass(frozen=True)
class Windows:
    """Windows of several texts, with those of each text together."""

    ids: list[list[int]]
    text_of: list[int]
    """Index of the text that each window comes from."""

    def by_text(self, losses: Sequence[TextLoss]) -> list[TextLoss]:
        """Adds up the windows' losses by text, the unit of the bootstrap."""
        tokens = np.bincount(self.text_of, [loss.tokens for loss in losses])
        sums = np.bincount(self.text_of, [loss.loss_sum for loss in losses])
        return [TextLoss(int(count), total) for count, total in zip(tokens, sums.tolist(), strict=True)]


def cut(loaded: LoadedModel, texts: Sequence[Text], max_tokens: int, windows: int) -> Windows:
    """Cuts each text's beginning into at most ``windows`` windows, each with the special tokens of a whole text."""
    room = loaded.room(max_tokens)
    ids: list[list[int]] = []
    text_of: list[int] = []
    for number, text in enumerate(texts):
        if loaded.record.causal:
            whole = loaded.own_tokens.first(text.content, windows * room)
            pieces = [loaded.wrap(whole[start : start + room]) for start in range(0, len(whole), room)]
        else:
            pieces = [loaded.encode(text.content, max_tokens)]
        kept = [piece for place, piece in enumerate(pieces) if place == 0 or len(piece) >= SHORTEST]
        ids += kept
        text_of += [number] * len(kept)
    return Windows(ids, text_of)


def beginnings(loaded: LoadedModel, texts: Sequence[Text], lengths: Sequence[int], most: int) -> dict[int, Windows]:
    """The beginnings of the same texts at several lengths, one window each.

    Args:
        loaded: The model; lengths beyond its own are left out.
        texts: Texts to choose from.
        lengths: Numbers of tokens.
        most: How many texts to take: the first that are long enough for the longest length.
    """
    within = [tokens for tokens in sorted(lengths) if tokens <= loaded.max_tokens]
    long = [text.content for text in texts if within and len(loaded.encode(text.content, within[-1])) == within[-1]]
    return {
        tokens: Windows([loaded.encode(content, tokens) for content in long[:most]], list(range(len(long[:most]))))
        for tokens in (within if long else ())
    }


Item = TypeVar("Item", Text, TextAttention)


def of_corpus(texts: Iterable[Item], corpus: str) -> list[Item]:
    """The texts of the surrogate's corpus; all texts if it is ``all``."""
    return [text for text in texts if corpus in ("all", text.corpus)]


def texts_of_split(texts: Sequence[Text], split: Split, settings: ReplacementSettings) -> list[Text]:
    """The texts of a split that the surrogate's perplexity is measured on.

    Raises:
        UserError: if the surrogate's corpus has none.
    """
    found = [text for text in of_corpus(texts, settings.corpus) if text.split == split]
    if not found:
        raise UserError(
            f"corpus {settings.corpus!r} has no {split} texts; change replacement.corpus or corpora.{split}_share"
        )
    return found
