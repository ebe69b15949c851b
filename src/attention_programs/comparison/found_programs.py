"""The programs that the search found on one model, scored on the heads of another or the same."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from attention_programs.attention.pattern_store import read_index, read_patterns, read_texts
from attention_programs.corpora.text import Split
from attention_programs.errors import UserError
from attention_programs.files import replacing
from attention_programs.programs.methods import SEARCH
from attention_programs.programs.record import ProgramRecord, read_programs
from attention_programs.programs.runner import TrustedRunner
from attention_programs.progress import progress
from attention_programs.scoring.score_table import as_arrays, score_texts
from attention_programs.scoring.workers import Workers

SPLITS: tuple[Split, ...] = ("validation", "test")


@dataclass(frozen=True)
class FoundScores:
    """IoU of the programs found on one model with every head of a model."""

    programs: NDArray[np.str_]
    """Ids of the programs."""
    heads: NDArray[np.str_]
    """Names of the heads."""
    texts: NDArray[np.str_]
    """Keys of the test texts."""
    validation: NDArray[np.float32]
    """Mean over validation texts, shape (programs, heads); what choices are made on."""
    test: NDArray[np.float32]
    """Shape (test texts, programs, heads); what is reported."""


def read_pool(path: Path) -> list[ProgramRecord]:
    """The search's programs of a model that may run in this process, in the order of the table.

    Args:
        path: ``found_programs.jsonl``, which also has the fitted baselines.

    Raises:
        UserError: if the file is missing or has no such program.
    """
    pool = [program for program in read_programs(path) if program.author == SEARCH and program.trusted]
    if not pool:
        raise UserError(f"{path} has no program of the search; run `attention-programs reproduce` with its profile")
    return pool


def score_found(programs: Sequence[ProgramRecord], folder: Path, workers: Workers, title: str) -> FoundScores:
    """Scores programs on the validation and test texts of a model.

    A program that fails on a text scores 0 there; one that looks ahead scores 0 on every head of a causal model, where
    it may not be used.

    Args:
        programs: Trusted programs.
        folder: The folder of the model's patterns.
        workers: How the work is divided among threads.
        title: Shown with the progress.

    Raises:
        UserError: if the folder lacks texts of either split.
    """
    index = read_index(folder)
    total = len(read_texts(folder, SPLITS))
    tables = score_texts(read_patterns(folder, SPLITS), programs, TrustedRunner().outcomes, workers)
    validation = np.zeros((len(programs), len(index.heads)))
    texts, test, counted = [], [], 0
    for table in progress(tables, title, total, "texts"):
        scores = as_arrays(table)
        if table["split"][0].as_py() == "validation":
            validation += scores.iou[0]
            counted += 1
        else:
            texts += scores.texts
            test.append(scores.iou[0])
    if not (counted and test):
        raise UserError(f"{folder} has no texts for validation or test; run `dvc repro attention` with more texts")
    usable = np.array([not index.causal or program.may_go_into_a_causal_model(()) for program in programs])
    return FoundScores(
        programs=np.array([program.id for program in programs]),
        heads=np.array(index.heads),
        texts=np.array(texts),
        validation=(validation / counted * usable[:, None]).astype(np.float32),
        test=np.stack(test) * usable[:, None].astype(np.float32),
    )


def write_scores(path: Path, scores: FoundScores) -> None:
    """Writes the scores as uncompressed NumPy arrays."""
    with replacing(path) as unfinished, unfinished.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **asdict(scores))


def read_scores(path: Path) -> FoundScores:
    """Reads what :func:`write_scores` wrote.

    Raises:
        UserError: if the file is missing or damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return FoundScores(**{name: arrays[name] for name in arrays.files})
    except (OSError, ValueError, TypeError, EOFError, BadZipFile) as error:
        raise UserError(f"cannot read {path} ({error}); run `attention-programs compare-models`") from error


def scores_path(root: Path, programs_of: str, heads_of: str) -> Path:
    """Where the scores of one model's programs on another's heads are kept."""
    return root / "data" / "models" / f"{programs_of}-on-{heads_of}.npz"
