"""MLflow's UI: no unneeded processes, none that outlives the command, and ports that are not available."""

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from attention_programs import cli
from attention_programs.offline import QUIET
from attention_programs.project.reproduction import compose
from attention_programs.tracking import pages
from attention_programs.tracking.mlflow_store import open_store
from conftest import ROOT

PATIENCE_SECONDS = 240
NAME = "lab.example.org"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with an empty store."""
    compose("smoke", tmp_path / "params.yaml", ROOT)
    with open_store(tmp_path, create=True):
        pass
    monkeypatch.chdir(tmp_path)
    return tmp_path


def parents() -> dict[int, int]:
    """The parent of every process that runs."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, parent = stat.read_text().rsplit(")", 1)[1].split()[:2]
            if state != "Z":
                found[int(stat.parent.name)] = int(parent)
    return found


def below(process: int) -> set[int]:
    """All processes that a process has started, and that those have started."""
    tree, found = parents(), {process}
    while more := {child for child, parent in tree.items() if parent in found} - found:
        found |= more
    return found - {process}


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.2)


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def answer_to(name: str, port: int) -> int:
    """What a browser gets that knows the server by a name."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    with contextlib.closing(connection):
        connection.request("GET", "/", headers={"Host": name})
        return connection.getresponse().status


def ended(command: subprocess.Popen[str]) -> bool:
    """Whether a command has ended by itself, which it should not: fails with what it said."""
    if command.poll() is not None:
        pytest.fail(f"the command ended with {command.returncode}: {command.communicate()}")
    return False


@contextlib.contextmanager
def taken() -> Iterator[int]:
    """A port that somebody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")
@pytest.mark.slow
def test_whatever_ends_the_command_ends_the_server_and_no_job_workers_are_started(project: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in QUIET}
    with taken() as one, taken() as two:
        ports = {signal.SIGTERM: one, signal.SIGKILL: two}
    commands = {
        number: subprocess.Popen(
            [sys.executable, "-m", "attention_programs.cli", "ui", "--port", str(port), "--allowed-hosts", NAME],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number, port in ports.items()
    }
    codes = {signal.SIGTERM: 128 + signal.SIGTERM, signal.SIGKILL: -signal.SIGKILL}
    for number, command in commands.items():
        wait_until(lambda port=ports[number], command=command: answers(port) or ended(command))  # type: ignore[misc]
        started = below(command.pid)
        assert len(started) == 2  # MLflow's command and the web server
        assert [answer_to(name, ports[number]) for name in (NAME, "elsewhere.example.org")] == [200, 403]
        command.send_signal(number)
        said = command.communicate(timeout=PATIENCE_SECONDS)[0]
        assert command.returncode == codes[number]
        assert f"runs:     http://127.0.0.1:{ports[number]}/#/experiments/1/runs?viewStateShareKey=models\n" in said
        wait_until(lambda started=started: not started & parents().keys())  # type: ignore[misc]


def test_ports_that_cannot_be_had_end_in_one_line(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with taken() as port:
        for arguments, message in (
            (["--port", str(port)], f"port {port} is in use; choose another with --port"),
            (["--port", "70000"], "--port is 70000; use a number from 1 to 65535"),
            (["--host", "203.0.113.1"], "cannot serve on 203.0.113.1, port 5000 (Cannot assign requested address)"),
            (["--host", "no such host"], "cannot serve on no such host, port 5000 ("),
        ):
            assert cli.main(["ui", *arguments]) == 2
            said = capsys.readouterr()
            assert said.out == ""
            assert said.err.startswith(f"error: {message}")
            assert said.err.count("\n") == 1


def test_a_server_that_ends_by_itself_is_no_success(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pages.sys, "executable", shutil.which("false"))
    with taken() as port:
        pass
    assert cli.main(["ui", "--port", str(port)]) == 2
    assert f"MLflow's server on port {port} stopped unexpectedly" in capsys.readouterr().err


def test_two_processes_may_create_the_experiment_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_store(tmp_path, create=True) as store:
        number = store.experiment("one")
        find, answers = type(store.client).get_experiment_by_name, iter([None])
        monkeypatch.setattr(
            type(store.client), "get_experiment_by_name", lambda client, name: next(answers, find(client, name))
        )
        assert store.experiment("one") == number
