"""Extracting patterns on a cluster: a task is the number of a file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from attention_programs.attention.writing import shards_of, write_shard
from attention_programs.config import AttentionSettings
from attention_programs.corpora.text import Text, read_texts
from attention_programs.models.loading import LoadedModel, load_model
from attention_programs.tasks import Workplace, kept, run_tasks


@dataclass(frozen=True)
class AttentionJob:
    """What all files are extracted with."""

    model: Path
    """The model's folder."""
    weights_sha256: str
    device: str
    """The device to run it on."""
    threads: int
    """Threads of a task: with another number, sums can differ in their last bits."""
    texts: Path
    """The texts with their splits."""
    texts_sha256: str
    settings: AttentionSettings
    folder: Path
    """Where files are written."""

    def write(self, numbers: Sequence[int], place: Workplace) -> None:
        """Has the workers of a cluster write the files of these numbers."""
        tasks = [AttentionFile(self, number) for number in numbers]
        for _ in run_tasks(write_file, tasks, place, "attention", "files"):
            pass


@dataclass(frozen=True)
class AttentionFile:
    """A task: one of the files."""

    job: AttentionJob
    number: int


@dataclass(frozen=True)
class _Opened:
    """A job as a worker keeps it."""

    loaded: LoadedModel
    texts: list[Text]


def _opened(job: AttentionJob) -> _Opened:
    return _Opened(load_model(job.model, job.device), read_texts(job.texts))


def write_file(task: AttentionFile) -> None:
    """Extracts the patterns of one file's texts and writes the file."""
    job = task.job
    torch.set_num_threads(job.threads)
    opened = kept(_opened, job)
    write_shard(opened.loaded, shards_of(opened.texts, job.settings)[task.number], job.settings, job.folder)
