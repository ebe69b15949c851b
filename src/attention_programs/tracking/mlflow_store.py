"""Opening MLflow's store: one SQLite file and one artifact folder below the repository's ``mlruns``."""

import contextlib
import logging
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import mlflow
import sqlalchemy
from filelock import FileLock
from mlflow import MlflowClient
from mlflow.entities import Run, ViewType
from mlflow.exceptions import MlflowException
from mlflow.store.entities import PagedList
from sqlalchemy.engine import Engine

from attention_programs.errors import UserError
from attention_programs.tracking.addresses import ROOT_VARIABLE, artifact_uri, resolve
from attention_programs.tracking.lookup import DATABASE, PUBLISH_COMMAND, is_whole

EXPERIMENT = "attention-programs"
"""The single experiment for all profiles and models: MLflow compares runs within an experiment."""
MAKING = "making-"
"""Prefix of the folder in which a new database is created."""
PAGE = 1000
"""Rows per query."""

Item = TypeVar("Item")


@dataclass(frozen=True)
class Store:
    """An open store."""

    root: Path
    """The repository's folder, absolute."""
    client: MlflowClient

    def experiment(self, name: str) -> str:
        """Id of the experiment of this name, which is created or, if deleted, restored."""
        found = self.client.get_experiment_by_name(name)
        if found is None:
            try:
                return str(self.client.create_experiment(name, artifact_location=artifact_uri(name)))
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
                return self.experiment(name)  # another process was quicker
        if found.lifecycle_stage == "deleted":
            self.client.restore_experiment(found.experiment_id)
        return str(found.experiment_id)

    def folder(self, uri: str) -> Path:
        """The folder behind an artifact address."""
        return resolve(uri, self.root)

    def remove_files(self, uri: str) -> None:
        """Removes the files behind an artifact address and, if empty, the folder of their run or model."""
        folder = self.folder(uri)
        shutil.rmtree(folder, ignore_errors=True)
        with contextlib.suppress(OSError):  # it does not exist, or is not empty
            folder.parent.rmdir()

    def runs(self, experiment: str, condition: str) -> list[Run]:
        """Every run of an experiment that matches MLflow's filter ``condition``, oldest first."""
        order = ["attributes.start_time ASC"]
        return all_pages(
            lambda token: self.client.search_runs([experiment], condition, ViewType.ACTIVE_ONLY, PAGE, order, token)
        )


def all_pages(search: Callable[[str | None], PagedList[Item]]) -> list[Item]:
    """Everything that a search finds, which gives one page for each token."""
    page = search(None)
    found = list(page)
    while page.token:
        page = search(page.token)
        found += page
    return found


@contextlib.contextmanager
def open_store(root: Path, create: bool = False) -> Iterator[Store]:
    """Opens the store of a repository for the duration of a ``with`` block.

    Inside the block, MLflow's own functions (``models:/...``) use this store, too; afterwards, their previous one.

    Raises:
        UserError: if there is no store and ``create`` is not set, or it can't be read.
    """
    root = root.resolve()
    database = root / DATABASE
    if not create and not is_whole(database):
        raise UserError(f"{database} is not a complete store, so nothing is published yet; run `{PUBLISH_COMMAND}`")
    uri = f"sqlite:///{database}"
    variables = {ROOT_VARIABLE: str(root), "MLFLOW_REGISTRY_URI": uri, "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false"}
    with _pointing_at(uri), _environment(variables), _relaxed(), _silenced("mlflow", "alembic"):
        if create:
            _create(database)
        try:
            yield Store(root, MlflowClient(uri, uri))
        finally:
            # What lies in the write-ahead log moves into the database, so that a copy of the one file is complete.
            with contextlib.closing(sqlite3.connect(database)) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@contextlib.contextmanager
def traced(root: Path) -> Iterator[None]:
    """Traces every call of the ``openai`` client inside a ``with`` block with MLflow; does nothing without a store."""
    if not (root / DATABASE).is_file():
        yield
        return
    import mlflow.openai  # takes a second

    with open_store(root) as store:
        mlflow.set_experiment(experiment_id=store.experiment(EXPERIMENT))
        mlflow.openai.autolog()
        try:
            yield
        finally:
            mlflow.openai.autolog(disable=True)
            mlflow.flush_trace_async_logging()


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
def _environment(values: dict[str, str]) -> Iterator[None]:
    # A run id set by another tool would become the parent of every run.
    former = {name: os.environ.get(name) for name in (*values, "MLFLOW_RUN_ID")}
    os.environ.pop("MLFLOW_RUN_ID", None)
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in former.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


@contextlib.contextmanager
def _pointing_at(uri: str) -> Iterator[None]:
    """Points MLflow's module-level functions, which loading a model uses, at a store."""
    former = mlflow.get_tracking_uri() if mlflow.is_tracking_uri_set() else None
    mlflow.set_tracking_uri(uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(former)  # None unsets it


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


@contextlib.contextmanager
def _silenced(*names: str) -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
