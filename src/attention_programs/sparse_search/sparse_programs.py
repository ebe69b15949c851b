"""Programs as tensors: which features each sums, and with which coefficients."""

from dataclasses import dataclass

import torch

from attention_programs.checkpoint import Checkpoint, Journal


@dataclass(frozen=True)
class SparsePrograms:
    """One program per head, all with the same number of terms."""

    chosen: torch.Tensor
    """Indices of features, shape (heads, terms)."""
    coefficients: torch.Tensor
    """Shape (heads, terms), double precision."""

    @property
    def terms(self) -> int:
        """Number of terms of each program."""
        return self.chosen.shape[1]

    def with_terms(self, added: torch.Tensor) -> "SparsePrograms":
        """A copy with more terms, shape (heads, new), with coefficient 0."""
        zeros = torch.zeros(added.shape, dtype=self.coefficients.dtype, device=added.device)
        return SparsePrograms(torch.cat([self.chosen, added], 1), torch.cat([self.coefficients, zeros], 1))

    def keep(self, value: torch.Tensor, terms: int) -> "SparsePrograms":
        """A copy with only the terms of highest value, in their order."""
        places = value.topk(terms, dim=1).indices.sort(dim=1).values
        return SparsePrograms(self.chosen.gather(1, places), self.coefficients.gather(1, places))

    def where(self, condition: torch.Tensor, other: "SparsePrograms") -> "SparsePrograms":
        """This program for heads where the condition is true, the other elsewhere."""
        return SparsePrograms(
            torch.where(condition[:, None], self.chosen, other.chosen),
            torch.where(condition[:, None], self.coefficients, other.coefficients),
        )

    def rounded(self) -> "SparsePrograms":
        """A copy with coefficients rounded to one decimal."""
        return SparsePrograms(self.chosen, (self.coefficients * 10).round() / 10 + 0.0)

    def of_heads(self, heads: slice | torch.Tensor) -> "SparsePrograms":
        """The programs of some heads."""
        return SparsePrograms(self.chosen[heads], self.coefficients[heads])


def search_journal(checkpoint: Checkpoint | None = None, device: str = "cpu") -> Journal[SparsePrograms]:
    """The finished steps of a search.

    Args:
        checkpoint: Where they are kept; if None, only in memory.
        device: Device to load the programs to.

    >>> journal = search_journal()
    >>> start = SparsePrograms(torch.tensor([[0, 1]]), torch.zeros(1, 2))
    >>> journal.step("grown", lambda: start).terms, journal.step("grown", lambda: start.of_heads(0)).terms
    (2, 2)
    """
    return Journal(SparsePrograms, checkpoint, device)
