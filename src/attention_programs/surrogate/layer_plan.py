"""The replaced heads of one layer, and their outputs in a forward pass."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch


@dataclass
class LayerPlan:
    """The replaced heads of one layer and, during a forward pass, their weights."""

    heads: list[int]
    """Those that are replaced by programs."""
    windowed: bool
    """Whether the layer has sliding-window attention, so that a cache keeps only the last tokens."""
    whole: bool
    """Whether these are all heads of the layer."""
    constants: Mapping[int, torch.Tensor] = field(default_factory=dict)
    """Outputs of other heads that are the same at every token, each of shape (d,)."""
    weights: Callable[[], torch.Tensor] | None = None
    """Gives the programs' weights, shape (batch, replaced heads, queries, tokens so far)."""
    gates: torch.Tensor | None = None
    """Blend of each head and its program, 0 to 1, shape (batch, replaced heads); only programs if None."""
    uses: int = 0
    """How often the layer used its weights in this forward pass."""

    @property
    def scores_unused(self) -> bool:
        """Whether no head of the layer attends by its own queries and keys."""
        return self.whole and self.gates is None

    def patterns(self, queries: int, keys: int, mask: torch.Tensor | None) -> torch.Tensor:
        """The programs' patterns on the tokens that the layer sees, shape (batch, replaced heads, queries, keys).

        Raises:
            RuntimeError: if they are not for these tokens.
        """
        found = self.weights() if self.weights else None
        fits = found is not None and found.shape[-2] == queries
        if found is None or not fits or found.shape[-1] < keys or (found.shape[-1] > keys and not self.windowed):
            shape = None if found is None else tuple(found.shape)
            raise RuntimeError(
                f"the programs' patterns have shape {shape}, the layer needs {queries} queries, {keys} keys"
            )
        found = found[..., found.shape[-1] - keys :]
        return _within_window(found, mask) if self.windowed and mask is not None else found

    def outputs(self, weights: torch.Tensor, value: torch.Tensor, query_heads: int) -> torch.Tensor:
        """The outputs of the replaced heads, shape (batch, queries, replaced heads, d).

        Args:
            weights: Their patterns, shape (batch, replaced heads, queries, keys).
            value: Shape (batch, key-value heads, keys, d); each serves the same number of query heads.
            query_heads: Number of heads in the layer.
        """
        group = query_heads // value.shape[1]
        values = value[:, [head // group for head in self.heads]]
        return torch.matmul(weights, values).transpose(1, 2)


def _within_window(weights: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Patterns restricted to a layer's window; a row with all its weight outside becomes uniform inside."""
    seen = (mask if mask.dtype == torch.bool else mask == 0).to(weights)
    inside = weights * seen
    total = inside.sum(dim=-1, keepdim=True)
    uniform = seen / seen.sum(dim=-1, keepdim=True).clamp(min=1)
    return torch.where(total > 0, inside / total.clamp(min=torch.finfo(weights.dtype).tiny), uniform)
