"""The project's own store: one SQLite file and one artifact folder below the repository's ``mlruns``."""

import contextlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import sqlalchemy
from filelock import FileLock
from mlflow import MlflowClient
from mlflow.entities import Run
from sqlalchemy.engine import Engine

from attention_programs.errors import UserError
from attention_programs.tracking.addresses import artifact_uri, resolve
from attention_programs.tracking.lookup import DATABASE, PUBLISH_COMMAND, is_whole
from attention_programs.tracking.process_state import pointing_at, silenced
from attention_programs.tracking.store import Store

MAKING = "making-"
"""Prefix of the folder in which a new database is created."""


@dataclass(frozen=True)
class LocalStore(Store):
    """An open store in the repository."""

    exclusive: ClassVar[bool] = True

    def artifact_location(self, experiment: str) -> str:
        """The experiment's folder, as an address relative to the repository."""
        return artifact_uri(experiment)

    @contextlib.contextmanager
    def files(self, run: Run) -> Iterator[Path]:
        """The run's own folder: files are written in place."""
        yield self.folder(run.info.artifact_uri)

    def folder(self, uri: str) -> Path:
        """The folder behind an artifact address."""
        return resolve(uri, self.root)

    def remove_files(self, uri: str) -> None:
        """Removes the files behind an artifact address and, if empty, the folder of their run or model."""
        folder = self.folder(uri)
        shutil.rmtree(folder, ignore_errors=True)
        with contextlib.suppress(OSError):  # it does not exist, or is not empty
            folder.parent.rmdir()


@contextlib.contextmanager
def open_local(root: Path, create: bool) -> Iterator[LocalStore]:
    """Opens the store of a repository for the duration of a ``with`` block.

    Raises:
        UserError: if there is no store and ``create`` is not set, or it can't be read.
    """
    database = root / DATABASE
    if not create and not is_whole(database):
        raise UserError(f"{database} is not a complete store, so nothing is published yet; run `{PUBLISH_COMMAND}`")
    uri = f"sqlite:///{database}"
    with pointing_at(uri, str(root)), _relaxed(), silenced("mlflow", "alembic"):
        if create:
            _create(database)
        try:
            yield LocalStore(root, MlflowClient(uri, uri))
        finally:
            # What lies in the write-ahead log moves into the database, so that a copy of the one file is complete.
            with contextlib.closing(sqlite3.connect(database)) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _create(database: Path) -> None:
    """Creates the tables aside, locked against other processes: MLflow can't recover from an interrupted creation."""
    database.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(database.with_name("create.lock")):
        if not is_whole(database):
            for left in database.parent.glob(f"{MAKING}*"):  # left by a killed process
                shutil.rmtree(left)
            with tempfile.TemporaryDirectory(prefix=MAKING, dir=database.parent) as folder:
                new = Path(folder, database.name)
                uri = f"sqlite:///{new}"
                MlflowClient(uri, uri).search_experiments(max_results=1)
                MlflowClient(uri, uri).search_registered_models(max_results=1)
                os.replace(new, database)
        # With WAL, readers (the web UI) and a writer don't block each other; the mode is stored in the file.
        with contextlib.closing(sqlite3.connect(database)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")


@contextlib.contextmanager
def _relaxed() -> Iterator[None]:
    """Lets SQLite sync to disk only at checkpoints: a power failure may lose the last rows, never the file."""

    def relax(connection: object, _: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("PRAGMA synchronous=NORMAL")

    sqlalchemy.event.listen(Engine, "connect", relax)
    try:
        yield
    finally:
        sqlalchemy.event.remove(Engine, "connect", relax)
