"""A Dask cluster on loopback: a scheduler and its workers as processes of their own, as a user would start them."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from attention_programs.files import read_json
from conftest import ROOT

START_SECONDS = 240
"""On a busy machine."""


@dataclass(frozen=True)
class Cluster:
    """What runs."""

    address: str
    scheduler: subprocess.Popen[bytes]
    workers: list[subprocess.Popen[bytes]]


def start(*arguments: str, folder: Path) -> subprocess.Popen[bytes]:
    """Starts one of Dask's commands, with the code of this checkout, outside any project."""
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests")])
    with (folder / "log.txt").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "dask", *arguments],
            env={**os.environ, "PYTHONPATH": path, "OMP_WAIT_POLICY": "PASSIVE"},
            cwd=folder,
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def add_worker(cluster: Cluster, folder: Path) -> None:
    """One more worker, which takes one task at a time."""
    options = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1")
    cluster.workers.append(start("worker", cluster.address, *options, folder=folder))


@contextmanager
def running(workers: int, folder: Path) -> Iterator[Cluster]:
    """A scheduler with some workers; all are gone afterwards."""
    folder.mkdir()
    file = folder / "scheduler.json"
    options = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file))
    scheduler = start("scheduler", *options, folder=folder)
    cluster = Cluster("", scheduler, [])
    try:
        end = time.monotonic() + START_SECONDS
        while not file.is_file():
            assert scheduler.poll() is None, (folder / "log.txt").read_text()
            assert time.monotonic() < end, "the scheduler does not start"
            time.sleep(0.05)
        cluster = Cluster(read_json(file)["address"], scheduler, [])
        for _ in range(workers):
            add_worker(cluster, folder)
        yield cluster
    finally:
        for process in (*cluster.workers, scheduler):
            process.kill()
            process.wait()
