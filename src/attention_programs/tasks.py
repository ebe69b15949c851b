"""The independent tasks of a stage, behind an executor: in this process, or on a cluster of Dask's.

A task is a function of the package with one small, picklable argument: paths and indices, no arrays. Its result depends
on nothing else, so that it is the same wherever it is computed, and however often. Nothing here schedules.
"""

import os
import socket
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Executor, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Generic, TypeVar

from attention_programs.errors import UserError
from attention_programs.files import sha256_file, sha256_text
from attention_programs.progress import progress

CLUSTER = "ATTENTION_PROGRAMS_CLUSTER"
"""Environment variable with the address of a Dask scheduler, or ``local``. It is no setting, as no result depends on it
and no stage has to be repeated because of it."""
LOCAL = "local"
"""In place of an address: workers on this machine, one a core, as long as the stage runs."""
AHEAD = 3
"""Tasks in flight for each thread of the workers, so that none waits for the next one."""
WAIT_SECONDS = 30
"""How long to wait for the scheduler, and for its first worker."""
_LOOK_SECONDS = 2
_LIBRARIES = ("numpy", "numba", "torch", "transformers")
"""Their versions decide the last bits of a result, along with our own code."""
_one_at_a_time = threading.Lock()

Task = TypeVar("Task")
Result = TypeVar("Result")
Key = TypeVar("Key")


class InTurn(Executor):
    """Runs each task in this process, at once."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        """The finished call of a function."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


@dataclass(frozen=True)
class Workplace:
    """Where tasks run."""

    executor: Executor
    at_once: int = 1
    """Tasks in flight."""
    root: Path | None = None
    """The project's folder, which a cluster's workers must have, too; None in this process."""
    is_gone: Callable[[], bool] = lambda: False
    """Whether nothing will answer any more."""

    @property
    def is_cluster(self) -> bool:
        """Whether tasks run in other processes, perhaps on other machines."""
        return self.root is not None


HERE = Workplace(InTurn())
"""This process."""


@contextmanager
def workplace(root: Path) -> Iterator[Workplace]:
    """Where the environment says that tasks run; this process if it says nothing.

    Args:
        root: The project's folder.

    Raises:
        UserError: if there is no scheduler at the address, it has no workers, or Dask is not installed.
    """
    address = os.environ.get(CLUSTER, "")
    if not address:
        yield HERE
        return
    with _client(address) as client:
        threads = sum(client.nthreads().values())
        count = f"{threads} worker{'s' if threads > 1 else ''}"
        print(f"cluster: {count}; watch them at {client.dashboard_link}", file=sys.stderr)
        yield Workplace(
            client.get_executor(pure=False), AHEAD * threads, root.absolute(), lambda: client.status == "closed"
        )
        client.run(kept.cache_clear)


@contextmanager
def _client(address: str) -> Iterator[Any]:
    try:
        import distributed
    except ImportError as error:
        raise UserError(
            f"{CLUSTER}={address} needs {error.name}, which is not installed; run pip install "
            "'attention-programs[cluster]'"
        ) from error
    try:
        if address == LOCAL:
            cluster = distributed.LocalCluster(
                n_workers=os.cpu_count(), threads_per_worker=1, host="127.0.0.1", dashboard_address=":0"
            )
        else:
            cluster = None
        client = distributed.Client(cluster or address, timeout=WAIT_SECONDS)
    except (OSError, ValueError) as error:
        raise UserError(
            f"no scheduler answers at {CLUSTER}={address} ({' '.join(str(error).split())}); start one with `dask "
            "scheduler`, and give the address that it prints, such as tcp://10.0.0.1:8786"
        ) from error
    try:
        try:
            client.wait_for_workers(1, timeout=WAIT_SECONDS)
        except TimeoutError as error:
            raise UserError(
                f"the scheduler at {address} has no worker after {WAIT_SECONDS} s; start some with `dask worker "
                f"{address} --nthreads 1`"
            ) from error
        yield client
    finally:
        client.close()
        if cluster is not None:
            cluster.close()


def run_tasks(
    work: Callable[[Task], Result],
    tasks: Sequence[Task],
    place: Workplace,
    description: str,
    unit: str = "tasks",
) -> Iterator[Result]:
    """Yields ``work(task)`` for each task, in order, with a bar; a bounded number are in flight.

    If a worker dies, the cluster repeats its tasks on others; what a task writes must therefore appear all at once
    (:func:`~attention_programs.files.replacing`).

    Args:
        work: A function of the package.
        tasks: Its arguments.
        place: Where they run.
        description: What is being done.
        unit: What the tasks are, in the plural.

    Raises:
        UserError: if a task's worker died several times, or the scheduler did; or from a task.
    """
    call = _OnWorker(work, code_and_versions(), place.root) if place.root else work
    running: deque[Future[Result]] = deque()

    def results() -> Iterator[Result]:
        for task in tasks:
            running.append(place.executor.submit(call, task))
            if len(running) >= place.at_once:
                yield _result(running.popleft(), place)
        while running:
            yield _result(running.popleft(), place)

    try:
        yield from progress(results(), description, len(tasks), unit)
    finally:
        for future in running:
            future.cancel()


def _result(future: "Future[Result]", place: Workplace) -> Result:
    gone = UserError("the cluster's scheduler is gone; start it again, and repeat: what is done is kept")
    while not wait([future], _LOOK_SECONDS).done:  # Dask forgets tasks that were sent when the connection was lost
        if place.is_gone():
            raise gone
    try:
        return future.result()
    except CancelledError as error:  # by Dask: nobody else does
        raise gone from error
    except Exception as error:
        if type(error).__name__ != "KilledWorker":  # Dask's, which may not be installed
            raise
        raise UserError(
            "a task's workers died one after the other, as for want of memory; give workers more memory, or run fewer "
            "on a machine; what is done is kept"
        ) from error


@dataclass(frozen=True)
class _OnWorker(Generic[Task, Result]):
    """A task's function as a worker calls it."""

    work: Callable[[Task], Result]
    code: str
    root: Path

    def __call__(self, task: Task) -> Result:
        name = socket.gethostname()
        if code_and_versions() != self.code:
            raise UserError(
                f"a worker on {name} runs other code or other versions of {', '.join(_LIBRARIES)} than this process, "
                "so results could differ; start it from the same environment"
            )
        if not (self.root / "params.yaml").is_file():
            raise UserError(
                f"a worker on {name} does not find the project in {self.root}; it needs the folder under the same path"
            )
        with _one_at_a_time:  # a task has the process for itself: its model, its threads, its sandbox
            return self.work(task)


@cache
def code_and_versions() -> str:
    """Hash of all code that results come from: this package's, and the versions of the libraries that compute."""
    files = sorted(Path(__file__).parent.rglob("*.py"))
    return sha256_text(" ".join([*map(sha256_file, files), sys.version, *map(_version, _LIBRARIES)]))


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return ""


@lru_cache(maxsize=2)
def kept(make: Callable[[Key], Result], key: Key) -> Result:
    """What many tasks need and takes long to make, such as a model: made once in a process.

    Args:
        make: Makes it, a function of the package.
        key: What it is made from; hashable, and different if that changes, such as a path with a hash.
    """
    return make(key)
