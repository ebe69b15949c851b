"""Checkpoints of long computations, so that a killed run resumes where it stopped."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from attention_programs.files import replacing

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Record = TypeVar("Record", bound="DataclassInstance")
FINGERPRINT = "fingerprint"


class Checkpoint:
    """Named tensors in a file.

    Args:
        path: The file; if None, nothing is saved.
        fingerprint: Identifies everything the computation depends on; a checkpoint with a different one is ignored.
    """

    def __init__(self, path: Path | None, fingerprint: str) -> None:
        self._path = path
        self._fingerprint = fingerprint

    def save(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Writes the tensors atomically."""
        if self._path is None:
            return
        plain = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
        with replacing(self._path) as beside:
            save_file(plain, beside, metadata={FINGERPRINT: self._fingerprint})

    def load(self) -> dict[str, torch.Tensor]:
        """The saved tensors; empty if the file is missing, damaged or belongs to another computation."""
        if self._path is None or not self._path.is_file():
            return {}
        try:
            with safe_open(self._path, framework="pt") as file:
                if (file.metadata() or {}).get(FINGERPRINT) != self._fingerprint:
                    return {}
                return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is not a mapping
        except SafetensorError:
            return {}

    def remove(self) -> None:
        """Deletes the file when the computation is done."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)


class Journal(Generic[Record]):
    """The results of a computation's finished steps, kept in a checkpoint; a finished step is not repeated.

    Args:
        record: The type of a step's result, a dataclass of tensors.
        checkpoint: Where results are kept.
        device: Device to load the tensors to.
    """

    def __init__(self, record: type[Record], checkpoint: Checkpoint, device: str = "cpu") -> None:
        self._record = record
        self._checkpoint = checkpoint
        self._tensors = {name: value.to(device) for name, value in checkpoint.load().items()}
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
        places = {field.name: f"{self._prefix}{name}/{field.name}" for field in fields(self._record)}
        if not self._tensors.keys() >= set(places.values()):
            found = find()
            self._tensors |= {place: getattr(found, field) for field, place in places.items()}
            self._checkpoint.save(self._tensors)
        return self._record(**{field: self._tensors[place] for field, place in places.items()})
