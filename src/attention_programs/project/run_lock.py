"""One run at a time in a project: a second one would change ``params.yaml`` and ``dvc.lock`` under the first."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from attention_programs.errors import UserError
from attention_programs.files import read_json

DVC_AT_WORK = Path(".dvc/tmp/rwlock")
"""Where DVC notes which process reads or writes which path."""


@contextlib.contextmanager
def only_run(root: Path) -> Iterator[None]:
    """Keeps other runs out of a project for the duration of a ``with`` block; a run that was killed keeps nobody out.

    Raises:
        UserError: if another run, or DVC, is at work there.
    """
    folder = os.open(root, os.O_RDONLY)  # the folder itself is locked: bad input must not write anything
    try:
        if not _locked(folder):
            raise _busy(root, "another run")
        if workers := _dvc_processes(root):
            raise _busy(root, f"DVC (process {workers[0]})")
        yield
    finally:
        os.close(folder)


def _locked(descriptor: int) -> bool:
    """Locks a file or folder until its descriptor is closed; returns whether nobody else had."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _busy(root: Path, who: str) -> UserError:
    return UserError(
        f"{who} is at work in {root.resolve()}; wait until it has ended, or work in a clone of the project"
    )


def _dvc_processes(root: Path) -> list[int]:
    """Numbers of the processes that DVC has noted and that are still there."""
    path = root / DVC_AT_WORK
    if not path.is_file() or not path.stat().st_size:
        return []
    noted = read_json(path)
    users = [user for place in noted.values() for user in (place.get("write"), *place.get("read", ())) if user]
    return sorted({int(user["pid"]) for user in users if _is_there(int(user["pid"]))})


def _is_there(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is somebody else's
        return True
    return True
