"""What a long computation has finished, on disk, so that a killed run resumes where it stopped."""

import copy
import shutil
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from attention_programs.files import replacing, sha256_text

if TYPE_CHECKING:  # not every computation needs tensors
    import torch
    from _typeshed import DataclassInstance

Record = TypeVar("Record", bound="DataclassInstance")


class Checkpoint:
    """A folder with one file for each finished part of a computation; an existing file is complete.

    Args:
        folder: The folder; created when needed.
        fingerprint: Identifies everything that the computation depends on: another one has other files. If it is
            empty, the names of the parts do so themselves.
    """

    def __init__(self, folder: Path, fingerprint: str = "") -> None:
        self._home = folder
        self._folder = folder / sha256_text(fingerprint)[:20] if fingerprint else folder

    def file(self, part: str) -> Path:
        """Where a part is kept."""
        return self._folder / part

    def has(self, part: str) -> bool:
        """Whether a part is finished."""
        return self.file(part).is_file()

    def writing(self, part: str) -> AbstractContextManager[Path]:
        """A path to write a part to; it is renamed into place when it is complete."""
        return replacing(self.file(part))

    def save(self, part: str, tensors: Mapping[str, "torch.Tensor"]) -> None:
        """Writes a part that consists of named tensors."""
        from safetensors.torch import save_file

        with self.writing(part) as unfinished:
            save_file({name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}, unfinished)

    def load(self, part: str) -> dict[str, "torch.Tensor"]:
        """The tensors of a part; empty if it is missing or damaged."""
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(self.file(part)) if self.has(part) else {}
        except SafetensorError:
            return {}

    def keep_only(self, parts: Collection[str]) -> None:
        """Deletes all other files of the folder."""
        for file in self._folder.glob("*"):
            if file.name not in parts and file.is_file():
                file.unlink()

    def remove(self) -> None:
        """Deletes everything, including what other fingerprints left, when the computation is done."""
        shutil.rmtree(self._home, ignore_errors=True)


class Journal(Generic[Record]):
    """The results of a computation's steps; a finished step is not repeated.

    Args:
        record: The type of a step's result, a dataclass of tensors.
        checkpoint: Where results are kept; if None, only in memory.
        device: Device to load the tensors to.
    """

    def __init__(self, record: type[Record], checkpoint: Checkpoint | None = None, device: str = "cpu") -> None:
        self._record = record
        self._checkpoint = checkpoint
        self._device = device
        self._results: dict[str, Record] = {}
        self._prefix = ""

    def within(self, part: str) -> "Journal[Record]":
        """The same journal for one part of the computation, with its own namespace of step names."""
        journal = copy.copy(self)
        journal._prefix = f"{self._prefix}{part}/"
        return journal

    def step(self, name: str, find: Callable[[], Record]) -> Record:
        """The result of a step, computed now or in an earlier run.

        Args:
            name: Unique among the steps.
            find: Computes the step.
        """
        place = self._prefix + name
        if place not in self._results:
            self._results[place] = self._loaded(place) or self._saved(place, find())
        return self._results[place]

    def _loaded(self, place: str) -> Record | None:
        tensors = self._checkpoint.load(f"{place}.safetensors") if self._checkpoint else {}
        if tensors.keys() != {field.name for field in fields(self._record)}:
            return None
        return self._record(**{name: value.to(self._device) for name, value in tensors.items()})

    def _saved(self, place: str, result: Record) -> Record:
        if self._checkpoint:
            tensors = {field.name: getattr(result, field.name) for field in fields(result)}
            self._checkpoint.save(f"{place}.safetensors", tensors)
        return result
