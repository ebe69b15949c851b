"""A store behind a tracking server, with its failures as one line."""

import contextlib
import logging
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import requests
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from attention_programs.errors import UserError
from attention_programs.tracking.process_state import environment, pointing_at, silenced
from attention_programs.tracking.server import PASSWORD, USER, VARIABLE
from attention_programs.tracking.store import Store

PATIENCE = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "60",
}
"""Bounds on a request: by default MLflow tries a dead server for minutes. The user's own values take precedence."""
FIRST_ANSWER = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}
"""The server has to answer its first request sooner."""
_REASON = re.compile(
    r"Connection refused|Name or service not known|timed? out|too many \d+ error responses|error code \d+|\w*SSL\w*",
    re.I,
)


@dataclass(frozen=True)
class ServerStore(Store):
    """An open store behind a tracking server."""

    exclusive: ClassVar[bool] = False
    address: str

    def artifact_location(self, experiment: str) -> None:
        """None: the server knows its artifact store, and passes files on to it."""

    @contextlib.contextmanager
    def files(self, run: Run) -> Iterator[Path]:
        """A scratch folder, which is uploaded at the end."""
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)
            self.client.log_artifacts(run.info.run_id, folder)

    def remove_files(self, uri: str) -> None:
        """Removes the files behind an artifact address; those that the server can't remove stay."""
        with contextlib.suppress(requests.HTTPError):
            get_artifact_repository(uri, tracking_uri=self.address).delete_artifacts()


@contextlib.contextmanager
def open_server(root: Path, address: str) -> Iterator[ServerStore]:
    """Opens the store of a tracking server for the duration of a ``with`` block.

    Raises:
        UserError: if the server can't be reached, rejects the user or fails; also later in the block.
    """
    bounds = {name: value for name, value in PATIENCE.items() if name not in os.environ}
    with (
        _failures_in_a_line(address),
        pointing_at(address, str(root), **bounds),
        silenced("mlflow"),
        silenced("urllib3", below=logging.ERROR),  # it reports every retry
    ):
        client = MlflowClient(address, address)
        with environment({name: value for name, value in FIRST_ANSWER.items() if name in bounds}):
            client.search_experiments(max_results=1)
        yield ServerStore(root, client, address)


@contextlib.contextmanager
def _failures_in_a_line(address: str) -> Iterator[None]:
    try:
        yield
    except (MlflowException, requests.RequestException) as error:
        raise UserError(_explained(error, address)) from error


def _explained(error: Exception, address: str) -> str:
    """A line on what went wrong and what to do; the results are in files, and publishing is repeatable."""
    code = getattr(error, "error_code", "")
    answer = getattr(error, "response", None)
    status = getattr(answer, "status_code", 0)
    user = os.environ.get(USER, "")
    who = f"user {user!r}" if user else "a request without a user"
    if code in ("UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED") or status == 401:
        return f"{address} rejects {who}; set {USER} and {PASSWORD}, then run the command again"
    if code == "PERMISSION_DENIED" or status == 403:
        return f"{address} forbids this to {who}; ask its administrator for the permission, then run the command again"
    first = (str(error).splitlines() or [""])[0]
    if isinstance(error, MlflowException) and not first.startswith("API request to "):
        return f"{address} answers: {first}; nothing in the project is lost, run the command again"
    found = _REASON.search(str(error))
    reason = found[0] if found else first[:200]
    return (
        f"no usable answer from the tracking server {address} ({reason}); nothing in the project is lost: check "
        f"{VARIABLE} and the server, then run the command again"
    )
