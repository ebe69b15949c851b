"""Hostile programs reach nothing, with the Python-level filters on and off, on the kernel's layers alone."""

import ctypes
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from attention_programs.config import SandboxSettings
from attention_programs.programs.run_result import Outcome, Scored, normalise
from attention_programs.untrusted.sandbox.fork_server import SandboxText
from attention_programs.untrusted.sandbox.layers import Level
from attention_programs.untrusted.sandbox.pool import Sandbox, UntrustedProgram
from paper_texts import DATA

ATTACKS = [json.loads(line) for line in (DATA / "attacks.jsonl").read_text().splitlines()]
SETTINGS = SandboxSettings(text_seconds=0.5, program_seconds=2.0, lowest_level="strong")
CANARY = ctypes.create_string_buffer(b"REFATTN-CANARY")
WORDS = (" The", " cat", " sat", ".", " The", " dog")
HONEST = "def program(text):\n    return np.tril(np.ones((text.n, text.n))) * [[len(p) for p in text.pieces]]\n"
ADAPTER = "\ndef program(text):\n    return f(''.join(text.pieces), list(text.pieces), None)\n"


@dataclass
class Machine:
    """What an attack aims at, and what happened to it."""

    scratch: Path
    port: int
    contacts: list[str]
    signals: list[int]

    def program(self, source: str) -> UntrustedProgram:
        source = source.replace("@SCRATCH@", str(self.scratch))
        return UntrustedProgram(f"PORT = {self.port}\n{source}{ADAPTER}")

    def traces(self) -> dict[str, object]:
        """Everything that an attack could leave behind."""
        return {
            "files": sorted(p.name for p in self.scratch.iterdir()),
            "modes": sorted(p.stat().st_mode for p in self.scratch.iterdir()),
            "contacts": list(self.contacts),
            "signals": list(self.signals),
            "secret": bytes(CANARY.raw),
        }


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    scratch = tmp_path_factory.mktemp("scratch")
    scratch.chmod(0o777)
    for folder in scratch.parents[:2]:
        folder.chmod(0o755)
    np.save(scratch / "sbx_ref.npy", np.eye(3))
    (scratch / "sbx_chmod_target").write_text("x")
    listeners = [socket.socket(socket.AF_INET), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)]
    listeners.append(socket.socket(socket.AF_UNIX))
    listeners[0].bind(("127.0.0.1", 0))
    port = listeners[0].getsockname()[1]
    listeners[1].bind(("127.0.0.1", port))
    listeners[2].bind("\0sbx_canary")
    listeners[0].listen()
    listeners[2].listen()
    found = Machine(scratch, port, [], [])
    old = signal.signal(signal.SIGUSR1, lambda number, _: found.signals.append(number))
    os.environ["SBX_SECRET"] = "hunter2"

    def listen(listener: socket.socket, name: str) -> None:
        while True:
            try:
                listener.recv(1) if name == "udp" else listener.accept()
            except OSError:
                return
            found.contacts.append(name)

    for listener, name in zip(listeners, ("tcp", "udp", "unix"), strict=True):
        threading.Thread(target=listen, args=(listener, name), daemon=True).start()
    yield found
    del os.environ["SBX_SECRET"]
    signal.signal(signal.SIGUSR1, old)
    for listener in listeners:
        listener.close()


def texts() -> list[SandboxText]:
    head = (f"pid={os.getpid()}", f"addr={ctypes.addressof(CANARY)}")
    return [SandboxText(tuple(range(2 + n)), (*head, *WORDS[:n])) for n in (6, 4, 5)]


@pytest.fixture(scope="module", params=[True, False], ids=["filters on", "filters off"])
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    with Sandbox(SETTINGS, 1, filters=request.param) as found:
        found.load(texts(), causal=True)
        yield found


def run(sandbox: Sandbox, program: UntrustedProgram) -> list[Outcome]:
    [ran] = sandbox.run_all([program])
    return ran.outcomes


def got_through(outcome: Outcome) -> bool:
    """Whether it returned the mark of success, a matrix of equal entries."""
    if not isinstance(outcome, Scored):
        return False
    mark = np.full(outcome.weights.shape, 0.125, np.float32)
    return np.array_equal(outcome.weights, normalise(mark, causal=True))


def assert_valid(outcome: Outcome) -> None:
    if isinstance(outcome, Scored):
        weights = outcome.weights
        assert weights.dtype == np.float32
        assert np.isfinite(weights).all()
        assert (weights >= 0).all()
        assert np.abs(weights.sum(axis=1) - 1).max() < 1e-5
        assert not np.triu(weights, 1).any()


def test_the_sandbox_is_strong_here_and_an_honest_program_runs(sandbox: Sandbox, machine: Machine) -> None:
    assert sandbox.level is Level.STRONG, sandbox.description
    assert all(isinstance(outcome, Scored) for outcome in run(sandbox, UntrustedProgram(HONEST)))


def test_the_mark_of_success_is_seen(sandbox: Sandbox, machine: Machine) -> None:
    mark = machine.program("def f(sentence, tokens, doc):\n    return np.full((len(tokens), len(tokens)), 0.125)\n")
    assert all(got_through(outcome) for outcome in run(sandbox, mark))


@pytest.mark.parametrize("attack", ATTACKS, ids=[attack["name"] for attack in ATTACKS])
def test_an_attack_reaches_nothing(attack: dict[str, str], sandbox: Sandbox, machine: Machine) -> None:
    honest = UntrustedProgram(HONEST)
    before, traces = run(sandbox, honest), machine.traces()
    began = time.monotonic()
    outcomes = run(sandbox, machine.program(attack["source"]))
    assert time.monotonic() - began < 60
    for outcome in outcomes:
        assert_valid(outcome)
    if attack["category"] == "sec":
        assert not any(got_through(outcome) for outcome in outcomes)
    if attack["category"] == "dos":
        assert not any(isinstance(outcome, Scored) for outcome in outcomes)
    if attack["category"] == "det":
        assert_same(outcomes, run(sandbox, machine.program(attack["source"])))
    assert machine.traces() == traces
    assert_same(before, run(sandbox, honest))


def assert_same(one: list[Outcome], two: list[Outcome]) -> None:
    for first, second in zip(one, two, strict=True):
        assert type(first) is type(second)
        if isinstance(first, Scored) and isinstance(second, Scored):
            assert first.weights.tobytes() == second.weights.tobytes()
