"""Opening MLflow's store: that of a tracking server if one is named, otherwise the project's own."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from attention_programs.tracking.local_store import open_local
from attention_programs.tracking.lookup import DATABASE
from attention_programs.tracking.server import server_address
from attention_programs.tracking.server_store import open_server
from attention_programs.tracking.store import EXPERIMENT, Store


@contextlib.contextmanager
def open_store(root: Path, create: bool = False) -> Iterator[Store]:
    """Opens the store of a repository for the duration of a ``with`` block.

    Inside the block, MLflow's own functions (``models:/...``) use this store, too; afterwards, their previous one.

    Args:
        root: The repository's folder.
        create: Whether to create the project's own store if there is none; a server is always there.

    Raises:
        UserError: if there is no store and ``create`` is not set, or it can't be read; if the tracking server can't be
            reached, rejects the user or fails.
    """
    root, address = root.resolve(), server_address()
    with open_server(root, address) if address else open_local(root, create) as store:
        yield store


@contextlib.contextmanager
def traced(root: Path) -> Iterator[None]:
    """Traces every call of the ``openai`` client inside a ``with`` block with MLflow; does nothing without a store."""
    if not server_address() and not (root / DATABASE).is_file():
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
