"""The features and the maps of many texts, laid out so that all heads are fitted at once.

Rows of attention that see equally many tokens lie side by side: no padding, no masks, and one matrix product serves
every head. What is kept is half precision (maps are stored so, and features are small numbers); sums are single.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from attention_programs.attention.packing import unpack
from attention_programs.attention.store import MappedText
from attention_programs.memory import LESS_MEMORY, require_memory
from attention_programs.programs.view import TokenView
from attention_programs.synthesis.features import Feature

SMALLEST = 1e-12
"""Predicted weights below it count as 0: numbers too small for the processor's fast path slow it down tenfold."""


@dataclass(frozen=True)
class Rows:
    """Rows of attention that see equally many tokens."""

    features: torch.Tensor
    """Shape (features, rows, tokens), half precision."""
    attention: torch.Tensor
    """The heads' maps, shape (heads, rows, tokens), half precision; each row sums to 1."""
    text: torch.Tensor
    """Number of the text that each row comes from, shape (rows,)."""

    def columns(self, chosen: torch.Tensor) -> torch.Tensor:
        """Values of each head's chosen features, shape (heads, chosen, rows x tokens).

        Args:
            chosen: Numbers of features, shape (heads, chosen).
        """
        values = self.features.index_select(0, chosen.flatten()).float()
        return values.view(*chosen.shape, -1)


@dataclass(frozen=True)
class Design:
    """Texts, cut into rows."""

    groups: tuple[Rows, ...]
    """By ascending number of tokens."""
    lengths: torch.Tensor
    """Rows of each text, shape (texts,)."""

    @property
    def heads(self) -> int:
        """Number of heads."""
        return int(self.groups[0].attention.shape[0])

    @property
    def rows(self) -> int:
        """Number of attention rows over all texts."""
        return int(self.lengths.sum())

    @property
    def cells(self) -> int:
        """Number of attention weights of a head over all texts."""
        return sum(group.attention[0].numel() for group in self.groups)

    def of_heads(self, heads: slice | torch.Tensor) -> "Design":
        """The same for some of the heads."""
        return replace(self, groups=tuple(replace(g, attention=g.attention[heads]) for g in self.groups))

    def in_single(self) -> "Design":
        """The same with maps in single precision, for those that are read many times."""
        return replace(self, groups=tuple(replace(g, attention=g.attention.float()) for g in self.groups))

    def of_groups(self, members: Sequence[Sequence[int]]) -> "Design":
        """The mean maps of groups of heads in place of the heads.

        KL(A || P) summed over a group's maps A is least for the P that is best for their mean.
        """
        means = [torch.stack([g.attention[list(m)].float().mean(0) for m in members]).half() for g in self.groups]
        groups = (replace(group, attention=mean) for group, mean in zip(self.groups, means, strict=True))
        return replace(self, groups=tuple(groups))


def build_design(texts: Sequence[MappedText], features: Sequence[Feature], causal: bool, device: str) -> Design:
    """Evaluates every feature on every text.

    Args:
        texts: The texts with their maps.
        features: What is evaluated.
        causal: Whether row i sees tokens 0..i only.
        device: Where the numbers lie.

    Raises:
        UserError: if that takes more memory than is free.
    """
    lengths = np.array([len(text.ids) for text in texts])
    heads = len(texts[0].cells)
    longest = int(lengths.max())
    cells = sum(n * (n + 1) // 2 if causal else n * n for n in map(int, lengths))
    require_memory(
        2 * cells * (len(features) + heads),
        f"fitting {heads} heads on {len(texts)} texts of up to {longest} tokens with {len(features)} patterns",
        LESS_MEMORY,
    )
    counts = [int((lengths >= n).sum()) if causal else n * int((lengths == n).sum()) for n in range(longest + 1)]
    groups = {
        n: Rows(
            torch.empty(len(features), count, n, dtype=torch.float16),
            torch.empty(heads, count, n, dtype=torch.float16),
            torch.empty(count, dtype=torch.long),
        )
        for n, count in enumerate(counts)
        if n and count
    }
    filled = [0] * (longest + 1)
    for number, text in enumerate(texts):
        view = TokenView(text.ids, text.pieces, causal, text.special_ids)
        values = torch.from_numpy(np.stack([feature.matrix(view) for feature in features]).astype(np.float16))
        maps = torch.from_numpy(unpack(text.cells, view.n, causal).astype(np.float16))
        for row in range(view.n):
            seen = row + 1 if causal else view.n
            group, place = groups[seen], filled[seen]
            group.features[:, place] = values[:, row, :seen]
            group.attention[:, place] = maps[:, row, :seen]
            group.text[place] = number
            filled[seen] += 1
    return Design(
        tuple(Rows(g.features.to(device), g.attention.to(device), g.text.to(device)) for g in groups.values()),
        torch.from_numpy(lengths).to(device),
    )


def softmax(scores: torch.Tensor) -> torch.Tensor:
    """Softmax over the last axis; what is next to nothing becomes nothing."""
    return torch.nn.functional.threshold(scores.softmax(-1), SMALLEST, 0.0, inplace=True)


def scores_of(constants: torch.Tensor, columns: torch.Tensor, rows: int) -> torch.Tensor:
    """Each head's scores, shape (heads, rows, tokens), from constants (heads, k) and columns (heads, k, cells)."""
    return torch.bmm(constants.float()[:, None], columns).view(len(constants), rows, -1)


def slope_of(columns: torch.Tensor, push: torch.Tensor) -> torch.Tensor:
    """Each constant's slope, shape (heads, k), from columns (heads, k, cells) and scores' slopes (heads, rows, tokens).

    The product is written as a row times a matrix: with a single column it takes eight times as long on processors.
    """
    return torch.bmm(push.flatten(1)[:, None], columns.transpose(1, 2))[:, 0]


def iou_of_shared(shared: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """IoU = S / (2n - S) of maps whose n rows sum to 1, with S the sum of minima, shape (heads, texts)."""
    return shared / (2 * lengths - shared)


def mean_iou(design: Design, chosen: torch.Tensor, constants: torch.Tensor, memory_mib: float) -> torch.Tensor:
    """Mean over texts of each head's IoU, shape (heads,).

    Args:
        design: The texts.
        chosen: Numbers of features, shape (heads, k).
        constants: Shape (heads, k).
        memory_mib: Bound on the values of chosen features at a time.
    """
    found = []
    for some in head_chunks(design, chosen.shape[1], memory_mib):
        part = design.of_heads(some)
        shared = constants.new_zeros(part.heads, len(part.lengths), dtype=torch.float32)
        for group in part.groups:
            columns = group.columns(chosen[some])
            predicted = scores_of(constants[some], columns, len(group.text)).softmax(-1)
            shared.index_add_(1, group.text, torch.minimum(predicted, group.attention.float()).sum(-1))
        found.append(iou_of_shared(shared, part.lengths).mean(1))
    return torch.cat(found)


def head_chunks(design: Design, features: int, memory_mib: float) -> Iterator[slice]:
    """Divides the heads so that the single-precision values of their features stay within a bound of memory."""
    size = max(1, int(memory_mib * 2**20 / (4 * features * design.cells)))
    for start in range(0, design.heads, size):
        yield slice(start, start + size)
