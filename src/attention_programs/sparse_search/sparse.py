"""Programs as numbers: which features each adds up, and how much of each."""

from dataclasses import dataclass
from pathlib import Path

import torch

from attention_programs.checkpoint import Checkpoint, Journal


@dataclass(frozen=True)
class Sparse:
    """One program a head, all with equally many terms."""

    chosen: torch.Tensor
    """Numbers of features, shape (heads, terms)."""
    constants: torch.Tensor
    """Shape (heads, terms), double precision."""

    @property
    def terms(self) -> int:
        """Terms of each program."""
        return self.chosen.shape[1]

    def with_terms(self, added: torch.Tensor) -> "Sparse":
        """More terms, shape (heads, new), with constants of 0."""
        zeros = torch.zeros(added.shape, dtype=self.constants.dtype, device=added.device)
        return Sparse(torch.cat([self.chosen, added], 1), torch.cat([self.constants, zeros], 1))

    def keep(self, value: torch.Tensor, terms: int) -> "Sparse":
        """The terms of highest value, in their order."""
        places = value.topk(terms, dim=1).indices.sort(dim=1).values
        return Sparse(self.chosen.gather(1, places), self.constants.gather(1, places))

    def where(self, condition: torch.Tensor, other: "Sparse") -> "Sparse":
        """This where the condition holds for a head, the other elsewhere."""
        return Sparse(
            torch.where(condition[:, None], self.chosen, other.chosen),
            torch.where(condition[:, None], self.constants, other.constants),
        )

    def rounded(self) -> "Sparse":
        """The same with constants of one decimal."""
        return Sparse(self.chosen, (self.constants * 10).round() / 10 + 0.0)

    def of_heads(self, heads: slice | torch.Tensor) -> "Sparse":
        """The programs of some heads."""
        return Sparse(self.chosen[heads], self.constants[heads])


def search_journal(path: Path | None = None, fingerprint: str = "", device: str = "cpu") -> Journal[Sparse]:
    """The finished steps of a search.

    Args:
        path: The file; without one nothing outlives the process.
        fingerprint: Stands for everything that the search depends on.
        device: Where the programs are wanted.

    >>> journal = search_journal()
    >>> start = Sparse(torch.tensor([[0, 1]]), torch.zeros(1, 2))
    >>> journal.step("grown", lambda: start).terms, journal.step("grown", lambda: start.keep(start.constants, 1)).terms
    (2, 2)
    """
    return Journal(Sparse, Checkpoint(path, fingerprint), device)
