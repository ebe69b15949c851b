"""Looking up runs in the project's own store, or at a tracking server."""

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from attention_programs.errors import UserError
from attention_programs.tracking.addresses import resolve
from attention_programs.tracking.lookup import DATABASE, PARENT_TAG, opened
from attention_programs.tracking.server import server_address

CACHE = ".cache/runs"
"""Where files of runs at a server are kept, relative to the project."""


@dataclass(frozen=True)
class RunInfo:
    """A run in MLflow."""

    id: str
    name: str
    tags: dict[str, str]
    artifacts: Path
    """The folder of its files; if they come from a server, a copy in the project's cache."""


def run_info(run_id: str, root: Path) -> RunInfo:
    """What is known about a run.

    Raises:
        UserError: if there is no store, or no such run; if the tracking server fails.
    """
    if server_address():
        return _from_server(run_id, root)
    with opened(root) as connection:
        rows = connection.execute("SELECT name, artifact_uri FROM runs WHERE run_uuid = ?", (run_id,)).fetchall()
        if not rows:
            raise UserError(f"{root / DATABASE} has no run {run_id!r}; `attention-programs ui` shows those it has")
        tags = connection.execute("SELECT key, value FROM tags WHERE run_uuid = ?", (run_id,))
        known = {tag["key"]: tag["value"] for tag in tags}
        return RunInfo(run_id, rows[0]["name"], known, resolve(rows[0]["artifact_uri"], root))


def child_runs(run_id: str, root: Path) -> list[RunInfo]:
    """The runs below a run, by id.

    Raises:
        UserError: if there is no store; if the tracking server fails.
    """
    return [run_info(child, root) for child in (_children_at_server if server_address() else _children)(run_id, root)]


def _children(run_id: str, root: Path) -> list[str]:
    with opened(root) as connection:
        rows = connection.execute(
            "SELECT run_uuid FROM tags WHERE key = ? AND value = ? ORDER BY run_uuid", (PARENT_TAG, run_id)
        )
        return [row["run_uuid"] for row in rows]


def _children_at_server(run_id: str, root: Path) -> list[str]:
    from attention_programs.tracking.mlflow_store import open_store  # takes seconds

    with open_store(root) as store:
        experiment = store.client.get_run(run_id).info.experiment_id
        return sorted(run.info.run_id for run in store.runs(experiment, f"tags.`{PARENT_TAG}` = '{run_id}'"))


def _from_server(run_id: str, root: Path) -> RunInfo:
    """Fetches a run's files again each time, as a server may have been set up anew."""
    from attention_programs.tracking.mlflow_store import open_store

    target = root.resolve() / CACHE / run_id
    target.parent.mkdir(parents=True, exist_ok=True)
    with open_store(root) as store, tempfile.TemporaryDirectory(dir=target.parent) as folder:
        run = store.client.get_run(run_id)
        new = Path(folder, "files")
        new.mkdir()
        store.client.download_artifacts(run_id, "", str(new))
        shutil.rmtree(target, ignore_errors=True)
        os.replace(new, target)
    return RunInfo(run_id, run.info.run_name, dict(run.data.tags), target)
