"""Finished steps of a search, on disk, so that a killed run goes on where it was."""

import copy
from collections.abc import Callable
from pathlib import Path

from attention_programs.sparse_search.sparse import Sparse
from attention_programs.standing import keep, kept


class Journal:
    """Programs by the step that found them; a step that is known is not taken again.

    Args:
        path: The file; without one nothing outlives the process.
        fingerprint: Stands for everything that the search depends on; steps of another search are not used.
        device: Where the programs are wanted.

    >>> import torch
    >>> journal = Journal()
    >>> start = Sparse(torch.tensor([[0, 1]]), torch.zeros(1, 2))
    >>> journal.step("grown", lambda: start).terms, journal.step("grown", lambda: start.keep(start.constants, 1)).terms
    (2, 2)
    """

    def __init__(self, path: Path | None = None, fingerprint: str = "", device: str = "cpu") -> None:
        self._path = path
        self._fingerprint = fingerprint
        before = kept(path, fingerprint) if path else {}
        self._tensors = {name: value.to(device) for name, value in before.items()}
        self._prefix = ""

    def within(self, part: str) -> "Journal":
        """The same journal for a part of the search, whose steps have names of their own."""
        journal = copy.copy(self)
        journal._prefix = f"{self._prefix}{part}/"
        return journal

    def step(self, name: str, find: Callable[[], Sparse]) -> Sparse:
        """What a step found, now or before.

        Args:
            name: Unlike that of any other step.
            find: Takes the step.
        """
        chosen, constants = f"{self._prefix}{name}/chosen", f"{self._prefix}{name}/constants"
        if not {chosen, constants} <= self._tensors.keys():
            found = find()
            self._tensors |= {chosen: found.chosen, constants: found.constants}
            if self._path is not None:
                keep(self._path, self._tensors, self._fingerprint)
        return Sparse(self._tensors[chosen], self._tensors[constants])
