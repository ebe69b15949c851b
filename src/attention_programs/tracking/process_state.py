"""What MLflow reads from the process while a store is open: its environment, its default address, its log levels."""

import contextlib
import logging
import os
from collections.abc import Iterator

import mlflow

from attention_programs.tracking.addresses import ROOT_VARIABLE
from attention_programs.tracking.server import VARIABLE


@contextlib.contextmanager
def pointing_at(uri: str, root: str, **variables: str) -> Iterator[None]:
    """Points MLflow at a store, including its module-level functions, which loading a model uses; afterwards as before.

    Args:
        uri: The store's address.
        root: The repository's folder.
        **variables: Further environment variables.
    """
    named = os.environ.pop(VARIABLE, None)  # MLflow would take it for an address that was set in this process
    former = mlflow.get_tracking_uri() if mlflow.is_tracking_uri_set() else None
    values = {ROOT_VARIABLE: root, "MLFLOW_REGISTRY_URI": uri, "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false"}
    with environment({**values, **variables}):
        mlflow.set_tracking_uri(uri)  # also sets the variable
        try:
            yield
        finally:
            mlflow.set_tracking_uri(former)  # None unsets it
            os.environ.pop(VARIABLE, None)
            if named is not None:
                os.environ[VARIABLE] = named


@contextlib.contextmanager
def environment(values: dict[str, str]) -> Iterator[None]:
    """Sets environment variables for the duration of a ``with`` block."""
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
def silenced(*names: str, below: int = logging.WARNING) -> Iterator[None]:
    """Keeps loggers quiet below a level."""
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(below)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
