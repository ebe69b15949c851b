"""The progress of a distillation."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch

Place = tuple[int, int]
"""Number of a phase and of a step in it, both from 0."""


@dataclass
class DistillationState:
    """The progress of a distillation."""

    coefficients: torch.Tensor
    """Shape (heads, maximum terms)."""
    moments: dict[str, torch.Tensor] = field(default_factory=dict)
    """The optimiser's state within a phase, under its own names; empty at the start of a phase."""
    learned: dict[int, torch.Tensor] = field(default_factory=dict)
    """Coefficients at the end of each finished phase, by its number."""
    done: int = 0
    """Steps done in the unfinished phase."""
    errors: dict[Place, float] = field(default_factory=dict)
    """The loss at each step, on its training texts."""
    checks: dict[Place, float] = field(default_factory=dict)
    """Divergence on the validation texts before some steps."""

    @property
    def tensors(self) -> dict[str, torch.Tensor]:
        """The state as named tensors."""
        return {
            "coefficients": self.coefficients,
            "done": torch.tensor(self.done),
            **{f"moments/{name}": value for name, value in self.moments.items()},
            **{f"learned/{phase}": value for phase, value in self.learned.items()},
            "errors": _rows(self.errors),
            "checks": _rows(self.checks),
        }

    @classmethod
    def of(cls, tensors: Mapping[str, torch.Tensor]) -> "DistillationState":
        """Reads the state from :attr:`tensors`."""
        return cls(
            coefficients=tensors["coefficients"],
            moments=_below(tensors, "moments/"),
            learned={int(phase): value for phase, value in _below(tensors, "learned/").items()},
            done=int(tensors["done"]),
            errors=_values(tensors["errors"]),
            checks=_values(tensors["checks"]),
        )


def _below(tensors: Mapping[str, torch.Tensor], folder: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(folder): value for name, value in tensors.items() if name.startswith(folder)}


def _rows(values: Mapping[Place, float]) -> torch.Tensor:
    return torch.tensor([[*place, value] for place, value in values.items()], dtype=torch.float64).reshape(-1, 3)


def _values(rows: torch.Tensor) -> dict[Place, float]:
    return {(int(phase), int(step)): value for phase, step, value in rows.tolist()}
