"""Where a distillation stands, on disk, so that a killed run goes on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch

from attention_programs.standing import keep, kept

Place = tuple[int, int]
"""Number of a phase and of a step in it, both from 0."""


@dataclass
class Standing:
    """Where a distillation stands."""

    constants: torch.Tensor
    """Shape (heads, most terms)."""
    moments: dict[str, torch.Tensor] = field(default_factory=dict)
    """What the optimiser remembers within a phase, by its own names; empty at a phase's beginning."""
    learned: dict[int, torch.Tensor] = field(default_factory=dict)
    """Constants at the end of each finished phase, by its number."""
    done: int = 0
    """Steps done in the phase that is not finished."""
    errors: dict[Place, float] = field(default_factory=dict)
    """What was minimised at each step, on its training texts."""
    checks: dict[Place, float] = field(default_factory=dict)
    """Divergence on the validation texts before some steps."""

    def write(self, path: Path, fingerprint: str) -> None:
        """Writes it completely or not at all.

        Args:
            path: The file.
            fingerprint: Stands for everything that the distillation depends on.
        """
        tensors = {"constants": self.constants, "done": torch.tensor(self.done)}
        tensors |= {f"moments/{name}": value for name, value in self.moments.items()}
        tensors |= {f"learned/{phase}": value for phase, value in self.learned.items()}
        tensors |= {"errors": _rows(self.errors), "checks": _rows(self.checks)}
        keep(path, tensors, fingerprint)


def _rows(values: Mapping[Place, float]) -> torch.Tensor:
    return torch.tensor([[*place, value] for place, value in values.items()], dtype=torch.float64).reshape(-1, 3)


def _values(rows: torch.Tensor) -> dict[Place, float]:
    return {(int(phase), int(step)): value for phase, step, value in rows.tolist()}


def _below(tensors: Mapping[str, torch.Tensor], folder: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(folder): value for name, value in tensors.items() if name.startswith(folder)}


def read_standing(path: Path, fingerprint: str) -> Standing | None:
    """Reads what :meth:`Standing.write` wrote; None if there is none, or one of another distillation."""
    tensors = kept(path, fingerprint)
    if not tensors:
        return None
    return Standing(
        constants=tensors["constants"],
        moments=_below(tensors, "moments/"),
        learned={int(phase): value for phase, value in _below(tensors, "learned/").items()},
        done=int(tensors["done"]),
        errors=_values(tensors["errors"]),
        checks=_values(tensors["checks"]),
    )
