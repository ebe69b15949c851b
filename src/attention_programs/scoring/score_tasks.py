"""Scoring text by text on a cluster: a task is the number of a text."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pyarrow as pa

from attention_programs.attention.pattern_store import read_patterns
from attention_programs.corpora.text import Split
from attention_programs.programs.record import ProgramRecord, read_programs
from attention_programs.programs.runner import StoredOutcomes
from attention_programs.scoring.first_pass import FirstPass
from attention_programs.scoring.score_table import Run, score_texts
from attention_programs.scoring.workers import Workers
from attention_programs.tasks import kept


@dataclass(frozen=True)
class ScoreJob:
    """What all texts are scored with."""

    attention: Path
    """The folder of patterns."""
    splits: tuple[Split, ...]
    programs: Path
    """The program table."""
    first: StoredOutcomes
    """Outcomes of imported programs on the first texts."""
    rest: StoredOutcomes
    """Outcomes of the programs that were not ruled out there."""
    workers: Workers
    """How this process would divide the work: a task takes one thread's share of the memory."""


@dataclass(frozen=True)
class ScoreText:
    """A task: one of the texts, by its number among those of the splits."""

    job: ScoreJob
    number: int


@dataclass(frozen=True)
class _Opened:
    """A job as a worker keeps it."""

    programs: Sequence[ProgramRecord]
    run: Run


def _opened(job: ScoreJob) -> _Opened:
    programs = read_programs(job.programs)
    ruled_out = frozenset(program.id for program in programs) - job.rest.program_ids
    return _Opened(programs, FirstPass(job.first.open(), ruled_out).before(job.rest.open()))


def score_text(task: ScoreText) -> pa.Table:
    """The score rows of a text, as :func:`~attention_programs.scoring.score_table.score_texts` yields them."""
    job = task.job
    opened = kept(_opened, job)
    text = islice(read_patterns(job.attention, job.splits), task.number, task.number + 1)
    alone = Workers(1, job.workers.memory_mib / job.workers.count, job.workers.device)
    (table,) = score_texts(text, opened.programs, opened.run, alone)
    return table
