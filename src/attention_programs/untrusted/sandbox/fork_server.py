"""The scorer's side of a fork server: starts it, sends texts and programs, and restarts it if it dies."""

import contextlib
import json
import math
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from attention_programs.config import SandboxSettings
from attention_programs.errors import UserError
from attention_programs.models.token_style import NO_SPECIAL, SpecialIds
from attention_programs.programs.run_result import Outcome, Reason, Rejected
from attention_programs.programs.view import TokenView
from attention_programs.untrusted.paper_format.sentence import PaperText
from attention_programs.untrusted.sandbox.child import Job
from attention_programs.untrusted.sandbox.layers import Layer
from attention_programs.untrusted.sandbox.protocol import Closed, receive, send
from attention_programs.untrusted.sandbox.shared_buffer import Layout, SharedBuffer, create_file

ATTEMPTS = 2
"""How often a program is run if its process, or its server, is killed from outside."""
_START_SECONDS = 60
_THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1")


@dataclass(frozen=True)
class Environment:
    """What a program's result must not depend on: the order of sets and the contents of fresh memory."""

    hash_seed: int
    memory_fill: int
    """Byte that the C library fills fresh memory with; 0 leaves it as it is."""

    @property
    def environment(self) -> dict[str, str]:
        """All environment variables of the server; none are inherited from the scorer."""
        fill = {}
        if self.memory_fill:
            tunables = f"glibc.malloc.perturb={self.memory_fill}:glibc.malloc.tcache_count=0"
            fill = {"MALLOC_PERTURB_": str(self.memory_fill), "GLIBC_TUNABLES": tunables}
        own = {"PYTHONHASHSEED": str(self.hash_seed), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        return {**_THREADS, **fill, **own, "LC_ALL": "C.UTF-8"}


@dataclass(frozen=True)
class SandboxText:
    """What programs may see of a text."""

    ids: tuple[int, ...]
    token_strings: tuple[str, ...]
    paper: PaperText | None = None
    """What programs in the paper format see; None if there are none."""
    special_ids: SpecialIds = NO_SPECIAL
    """The special tokens among the text's."""

    @classmethod
    def of(cls, view: TokenView, paper: PaperText | None = None) -> "SandboxText":
        """The text of a view."""
        return cls(view.ids, view.token_strings, paper, view.special_ids.among(view.ids))


class ForkServer:
    """One server, started immediately; close it after use.

    Args:
        settings: Limits of programs.
        environment: Its hash seed and memory fill.
        without: Layers to disable.
        spawn: Whether every program gets a server of its own, as where no kernel layer separates programs.

    Raises:
        UserError: if it does not start.
    """

    def __init__(
        self, settings: SandboxSettings, environment: Environment, without: Collection[Layer], spawn: bool
    ) -> None:
        self._settings = settings
        self._environment = environment
        self._without = without
        self._spawn = spawn
        self._texts: dict[str, Any] = {"kind": "texts", "causal": True, "texts": []}
        self._buffer: SharedBuffer | None = None
        self._file = -1
        self._gone = False
        self._start()

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        options = {
            "without": sorted(self._without),
            "limits": {
                "text_seconds": self._settings.text_seconds,
                "program_seconds": self._settings.program_seconds,
                "memory_bytes": self._settings.memory_mib * 2**20,
                "warm_bytes": self._settings.shared_mib * 2**20,
            },
        }
        module = "attention_programs.untrusted.sandbox.server"
        command = [sys.executable, "-s", "-P", "-m", module, str(theirs.fileno()), json.dumps(options)]
        with tempfile.TemporaryFile() as errors:
            self.process = subprocess.Popen(
                command,
                env=self._environment.environment,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                cwd="/",
                start_new_session=True,
            )
            theirs.close()
            self._channel = ours
            ours.settimeout(_START_SECONDS)
            try:
                answer = receive(ours).message
            except (Closed, TimeoutError):
                errors.seek(0)
                answer = {"kind": "failed", "message": errors.read().decode(errors="replace").strip()[-400:]}
            ours.settimeout(None)
        if answer["kind"] != "ready":
            self.close()
            reason = answer.get("message")
            raise UserError(f"the sandbox's server does not start ({reason}); try {' '.join(command[:5])}")
        self.layers = frozenset(Layer(name) for name in answer["layers"])
        self.missing: dict[str, str] = answer["missing"]

    def load(self, texts: Sequence[SandboxText], causal: bool) -> None:
        """Sends the texts that all later programs run on."""
        self._texts = {"kind": "texts", "causal": causal, "texts": [asdict(text) for text in texts]}
        self._release()
        layout = Layout.of([len(text.ids) for text in texts])
        self._file = create_file(layout.size)
        self._buffer = SharedBuffer(self._file, layout)
        self._send_texts()

    def _send_texts(self) -> None:
        send(self._channel, self._texts, self._file)
        receive(self._channel)

    def run(self, job: Job) -> list[Outcome]:
        """Runs a program on the texts of its job; returns the outcomes in the texts' own order.

        If its process is killed from outside (by a user, or by the kernel when memory is short), it is run once more.
        """
        end: dict[str, Any] = {}
        for _ in range(ATTEMPTS):
            if self._spawn or self._gone:
                self.restart()
            try:
                send(self._channel, {"kind": "run", "job": asdict(job) | {"order": list(job.order)}})
                end = receive(self._channel).message
            except Closed:
                self._gone = True
                end = {"kind": "end", "signal": signal.SIGKILL, "late": False, "seconds": 0.0}
                continue
            if end["kind"] == "failed":
                raise RuntimeError(f"the sandbox's server failed: {end['message']}")
            if not self._ended_from_outside(end):
                break
        assert self._buffer is not None
        missing, causal = self._reason_of(end), bool(self._texts["causal"])
        return [self._buffer.take(index, causal) or missing for index in sorted(job.order)]

    def restart(self) -> None:
        """Starts a new process with other addresses and the same texts."""
        self._stop()
        self._start()
        self._gone = False
        self._send_texts()

    def _out_of_time(self, end: dict[str, Any]) -> bool:
        used_up = end["seconds"] >= math.ceil(self._settings.program_seconds)
        by_limit = end["signal"] == signal.SIGXCPU or (end["signal"] == signal.SIGKILL and used_up)
        return bool(end["late"] or by_limit)

    def _ended_from_outside(self, end: dict[str, Any]) -> bool:
        return end["signal"] == signal.SIGKILL and not self._out_of_time(end)

    def _reason_of(self, end: dict[str, Any]) -> Rejected:
        if self._out_of_time(end):
            limits = f"{self._settings.text_seconds:g} s for a text, {self._settings.program_seconds:g} s for all texts"
            return Rejected(Reason.TIME, f"its process ran out of processor time ({limits})")
        if self._ended_from_outside(end):
            return Rejected(
                Reason.MEMORY, f"its process was killed {ATTEMPTS} times from outside, as for want of memory"
            )
        if end["signal"]:
            return Rejected(Reason.EXCEPTION, f"its process ended by {signal.Signals(end['signal']).name}")
        return Rejected(Reason.EXCEPTION, "its process ended before this text was done")

    def _release(self) -> None:
        if self._buffer is not None:
            self._buffer.close()
            os.close(self._file)
            self._buffer = None

    def _stop(self) -> None:
        self._channel.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=5)
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        """Stops the server and frees its memory."""
        self._stop()
        self._release()
