"""What may replace a head: a program, or a constant output, which is what ablation leaves of it."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch

from attention_programs.models.head import Head
from attention_programs.models.loading import LoadedModel
from attention_programs.programs.record import ProgramRecord


@dataclass(frozen=True)
class ConstantOutput:
    """One vector in place of a head's output at every token."""

    vector: torch.Tensor = field(compare=False)
    """Shape (d,), or () for the same number everywhere."""
    id: str = field(init=False)
    """A hash of the vector."""

    def __post_init__(self) -> None:
        numbers = self.vector.detach().cpu().float().numpy()
        object.__setattr__(self, "id", hashlib.sha256(numbers.tobytes()).hexdigest())


Replacement = ProgramRecord | ConstantOutput
"""What a head is replaced by: a program's pattern, which is applied to the head's values, or a constant output."""
Replaced = Mapping[Head, Replacement]
"""Each replaced head's replacement."""


def zero_outputs(loaded: LoadedModel, heads: Sequence[Head]) -> dict[Head, ConstantOutput]:
    """Zero ablation: heads that add nothing to the residual stream."""
    return {head: ConstantOutput(torch.zeros((), device=loaded.model.device)) for head in heads}
