"""Live MLflow traces of calls to a language model, if there is a store."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from attention_programs.tracking.database import DATABASE
from attention_programs.tracking.mlflow_store import EXPERIMENT, open_store


@contextlib.contextmanager
def traced(root: Path) -> Iterator[None]:
    """Traces every call of the ``openai`` client inside a ``with`` block with MLflow; does nothing without a store."""
    if not (root / DATABASE).is_file():
        yield
        return
    import mlflow
    import mlflow.openai

    with open_store(root) as store:
        mlflow.set_experiment(experiment_id=store.experiment(EXPERIMENT))
        mlflow.openai.autolog()
        try:
            yield
        finally:
            mlflow.openai.autolog(disable=True)
            mlflow.flush_trace_async_logging()
