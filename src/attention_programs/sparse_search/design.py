"""The design matrix: features and patterns of many texts, laid out so that all heads are fitted at once.

Attention rows that see the same number of tokens are grouped: no padding, no masks, and one matrix product serves
every head. Tokens come before rows, so that a sum over the tokens of a row is a sum of vectors. Values are kept in half
precision (as patterns are stored, and features are small numbers); sums are in single precision.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from attention_programs.attention.pattern_store import TextAttention
from attention_programs.memory import LESS_MEMORY, require_memory
from attention_programs.programs.features import Feature
from attention_programs.programs.view import TokenView

SMALLEST = 1e-12
"""Predicted weights below this count as 0: subnormal numbers slow the CPU down tenfold."""


@dataclass(frozen=True)
class Rows:
    """Attention rows that see the same number of tokens."""

    features: torch.Tensor
    """Shape (features, tokens, rows), half precision."""
    attention: torch.Tensor
    """The heads' patterns, shape (heads, tokens, rows), half precision; each row sums to 1."""
    text: torch.Tensor
    """Index of each row's text, shape (rows,)."""

    def columns(self, chosen: torch.Tensor) -> torch.Tensor:
        """Values of each head's chosen features, shape (heads, chosen, tokens x rows).

        Args:
            chosen: Indices of features, shape (heads, chosen).
        """
        values = self.features.index_select(0, chosen.flatten()).float()
        return values.view(*chosen.shape, -1)


@dataclass(frozen=True)
class Design:
    """Texts as groups of attention rows."""

    groups: tuple[Rows, ...]
    """By ascending number of tokens."""
    lengths: torch.Tensor
    """Number of fitted rows of each text, shape (texts,)."""
    memory_mib: float = math.inf
    """Bound on the memory of chosen features' values when torch computes."""

    @property
    def heads(self) -> int:
        """Number of heads."""
        return int(self.groups[0].attention.shape[0])

    @property
    def rows(self) -> int:
        """Number of attention rows over all texts."""
        return int(self.lengths.sum())

    @property
    def entries(self) -> int:
        """Number of attention weights per head over all texts."""
        return sum(group.attention[0].numel() for group in self.groups)

    def head_chunks(self, features: int) -> Iterator[slice]:
        """Divides the heads so that ``features`` features of each, in single precision, stay within the bound."""
        size = int(max(1, min(self.heads, self.memory_mib * 2**20 / (4 * features * self.entries))))
        for start in range(0, self.heads, size):
            yield slice(start, start + size)

    def of_heads(self, heads: slice | torch.Tensor) -> "Design":
        """The design of some of the heads; of all of them it is the same, without a copy."""
        if isinstance(heads, torch.Tensor) and torch.equal(heads, torch.arange(self.heads, device=heads.device)):
            return self
        return replace(self, groups=tuple(replace(g, attention=g.attention[heads]) for g in self.groups))

    def of_groups(self, members: Sequence[Sequence[int]]) -> "Design":
        """The design with groups of heads in place of heads, each with its mean pattern.

        The P that minimises the sum of KL(A || P) over a group's patterns A also minimises it for their mean.
        """
        means = [torch.stack([g.attention[list(m)].float().mean(0) for m in members]).half() for g in self.groups]
        groups = (replace(group, attention=mean) for group, mean in zip(self.groups, means, strict=True))
        return replace(self, groups=tuple(groups))


def build_design(texts: Sequence[TextAttention], features: Sequence[Feature], device: str) -> Design:
    """Evaluates every feature on every text's kept rows.

    Args:
        texts: The texts with their patterns.
        features: The features to evaluate.
        device: Device of the tensors.

    Raises:
        UserError: if there is not enough memory.
    """
    packings = [text.packing for text in texts]
    heads, longest = len(texts[0].entries), max(packing.tokens for packing in packings)
    require_memory(
        design_bytes(texts, len(features)),
        f"fitting {heads} heads on {len(texts)} texts of up to {longest} tokens with {len(features)} patterns",
        LESS_MEMORY,
    )
    counts = np.bincount(np.concatenate([packing.row_lengths for packing in packings])).tolist()
    groups = {
        n: Rows(
            torch.empty(len(features), n, count, dtype=torch.float16),
            torch.empty(heads, n, count, dtype=torch.float16),
            torch.empty(count, dtype=torch.long),
        )
        for n, count in enumerate(counts)
        if count
    }
    filled = [0] * len(counts)
    for number, (text, packing) in enumerate(zip(texts, packings, strict=True)):
        view, rows = TokenView.of(text), packing.rows
        values = torch.from_numpy(np.stack([feature.matrix(view)[rows].astype(np.float16) for feature in features]))
        patterns = torch.from_numpy(text.patterns.astype(np.float16))
        for row, seen in enumerate(packing.row_lengths.tolist()):
            group, place = groups[seen], filled[seen]
            group.features[..., place] = values[:, row, :seen]
            group.attention[..., place] = patterns[:, row, :seen]
            group.text[place] = number
            filled[seen] += 1
    return Design(
        tuple(Rows(g.features.to(device), g.attention.to(device), g.text.to(device)) for g in groups.values()),
        torch.tensor([len(packing.rows) for packing in packings]).to(device),
    )


def design_bytes(texts: Sequence[TextAttention], features: int) -> int:
    """Bytes of the design of some texts."""
    return 2 * sum(text.packing.entries for text in texts) * (features + len(texts[0].entries))


def softmax(scores: torch.Tensor) -> torch.Tensor:
    """Softmax over the tokens of scores (heads, tokens, rows), with tiny weights set to 0."""
    return torch.nn.functional.threshold(scores.softmax(-2), SMALLEST, 0.0, inplace=True)


def scores_of(coefficients: torch.Tensor, columns: torch.Tensor, group: Rows) -> torch.Tensor:
    """Each head's scores, shape (heads, tokens, rows), from coefficients (heads, k) and columns (heads, k, entries)."""
    return torch.bmm(coefficients.float()[:, None], columns).view(len(coefficients), -1, len(group.text))


def slope_of(columns: torch.Tensor, push: torch.Tensor) -> torch.Tensor:
    """Each coefficient's gradient, shape (heads, k), from columns (heads, k, entries) and gradients of the scores.

    ``push`` has shape (heads, tokens, rows). The product is written as a row times a matrix: a matrix times a column
    takes eight times as long on CPUs.
    """
    return torch.bmm(push.flatten(1)[:, None], columns.transpose(1, 2))[:, 0]


def overlap(patterns: torch.Tensor, group: Rows) -> torch.Tensor:
    """Sum of minima of predicted and true weights, shape (heads, rows)."""
    return torch.minimum(patterns, group.attention.float()).sum(-2)


def push_of(patterns: torch.Tensor, group: Rows, slopes: torch.Tensor) -> torch.Tensor:
    """The gradient of the mean IoU with respect to each score, shape (heads, tokens, rows).

    The sum of minima grows with a predicted weight as long as it is below the true one; the softmax's backward pass
    gives the weight times the difference from the row's mean.

    Args:
        patterns: The predicted weights, of the same shape.
        group: The rows.
        slopes: From :func:`slope_of_shared`.
    """
    below = torch.where(patterns < group.attention, patterns, 0.0)
    return below.addcmul_(patterns, below.sum(-2, keepdim=True), value=-1).mul_(slopes[:, group.text][:, None])


def slope_of_shared(shared: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """The mean IoU's derivative by each text's sum of minima S: d IoU / d S = 2n / (2n - S)^2, shape (heads, texts)."""
    return 2 * lengths / (2 * lengths - shared).square() / len(lengths)
