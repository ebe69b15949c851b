"""The fork server: a process that has only the texts, and forks a process for each program.

Started by ``python -m attention_programs.untrusted.sandbox.server DESCRIPTOR``, with an empty environment. It
never runs a program itself, drops all privileges that it can before the first one, and exits with its parent.
"""

import contextlib
import gc
import json
import math
import os
import resource
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from attention_programs.models.token_style import SpecialIds
from attention_programs.programs.view import TokenView
from attention_programs.programs.vocabulary import PATTERNS, TOKEN_FEATURES
from attention_programs.untrusted.paper_format.sentence import PaperText
from attention_programs.untrusted.sandbox import linux, restricted_namespace
from attention_programs.untrusted.sandbox.child import Job, LoadedText, run_job
from attention_programs.untrusted.sandbox.layers import Layer
from attention_programs.untrusted.sandbox.protocol import Closed, receive, send
from attention_programs.untrusted.sandbox.seccomp import prepared_filter
from attention_programs.untrusted.sandbox.shared_buffer import Layout, SharedBuffer

_LOOK_SECONDS = 0.02
_WALL_FACTOR = 10
"""How many times its CPU time a text may take in wall-clock time, on a busy machine."""
_CHANNEL = 3
"""Descriptor of the channel; low, so that the child can close all descriptors."""
_OWN_DESCRIPTORS = 64


@dataclass
class Server:
    """The server's state between messages."""

    channel: socket.socket
    layers: set[Layer] = field(default_factory=set)
    missing: dict[str, str] = field(default_factory=dict)
    limits: dict[str, float] = field(default_factory=dict)
    texts: list[LoadedText] = field(default_factory=list)
    buffer: SharedBuffer | None = None
    modules: dict[str, Any] = field(default_factory=restricted_namespace.build_modules)
    warmed: set[tuple[str, int | None]] = field(default_factory=set)
    call_filter: Callable[[], None] | None = None
    address_space: linux.AddressSpace | None = None

    def attempt(self, layer: Layer, without: list[str], take: Callable[[], object]) -> bool:
        """Applies a layer, or notes why it is unavailable."""
        if layer in without:
            self.missing[layer] = "switched off"
            return False
        try:
            linux.require_linux()
            take()
        except (OSError, AttributeError) as error:
            self.missing[layer] = str(error)
            return False
        self.layers.add(layer)
        return True

    def serve(self) -> None:
        """Answers messages until the parent exits."""
        while True:
            message, descriptor = receive(self.channel)
            if message["kind"] == "texts":
                self.load(message, descriptor)
                send(self.channel, {"kind": "loaded"})
            else:
                job = message["job"]
                send(self.channel, self.run(Job(**{**job, "terms": tuple(map(tuple, job["terms"]))})))

    def load(self, message: dict[str, Any], descriptor: int) -> None:
        """Receives the texts that programs will run on, and the memory for their results."""
        if self.buffer is not None:
            self.buffer.close()
        self.texts = [
            LoadedText(
                TokenView(
                    row["ids"], row["token_strings"], message["causal"], SpecialIds.from_json(row["special_ids"])
                ),
                PaperText.from_json(row["paper"]) if row["paper"] else None,
            )
            for row in message["texts"]
        ]
        self.warmed = set()
        self.buffer = SharedBuffer(descriptor, Layout.of([text.view.n for text in self.texts]))
        os.close(descriptor)
        gc.collect()
        gc.freeze()

    def run(self, job: Job) -> dict[str, Any]:
        """Runs a job in a separate process; returns how that process ended."""
        assert self.buffer is not None
        self.buffer.clear()
        self._warm(job)
        own = self.address_space.bytes_used() if self.address_space else 1 << 30
        child = os.fork()
        if child == 0:
            self._live(job, own + int(self.limits["memory_bytes"]))
        end = self._watch(child)
        if Layer.NAMESPACES in self.layers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)  # only leftovers of the program can be in this namespace
        return end

    def _warm(self, job: Job) -> None:
        """Computes the terms that a program mentions before the fork, so that later programs can reuse them."""
        for term in job.terms:
            name, parameter = term
            known = PATTERNS.get(name)
            fits = parameter in known.parameters if known and known.parameters else parameter is None
            if term in self.warmed or (known is None and name not in TOKEN_FEATURES) or not fits:
                continue
            if sum(text.view.nbytes for text in self.texts) > self.limits["warm_bytes"]:
                self.texts = [LoadedText(TokenView.of(t.view), t.paper) for t in self.texts]
                self.warmed = set()
            for text in self.texts:
                if known is None:
                    text.view.vector(name)
                else:
                    text.view.matrix(name, parameter)
            self.warmed.add(term)

    def _live(self, job: Job, memory: int) -> None:
        status = 1
        try:
            if sys.platform.startswith("linux"):
                linux.die_with_parent()
            sys.stdout = sys.stderr = None
            os.closerange(0, _OWN_DESCRIPTORS)
            if Layer.LANDLOCK in self.layers:
                linux.deny_files()
            if Layer.LIMITS in self.layers:
                linux.limit_resources(memory, math.ceil(self.limits["program_seconds"]))
            if self.call_filter is not None:
                self.call_filter()
            assert self.buffer is not None
            gc.enable()
            run_job(job, self.texts, self.buffer, self.modules)
            status = 0
        finally:
            os._exit(status)

    def _watch(self, child: int) -> dict[str, Any]:
        assert self.buffer is not None
        poll = select.poll()
        poll.register(self.channel, select.POLLHUP | getattr(select, "POLLRDHUP", 0))
        ended = os.pidfd_open(child) if hasattr(os, "pidfd_open") else -1
        if ended >= 0:
            poll.register(ended, select.POLLIN)
        start = time.monotonic()
        text, cpu, clock = 0, 0.0, start  # the child's current text, and both clocks when it began
        killed = False
        most = self.limits["text_seconds"]
        try:
            while True:
                events = dict(poll.poll(1000 * (_LOOK_SECONDS if ended >= 0 else _LOOK_SECONDS / 10)))
                if self.channel.fileno() in events:
                    os.kill(child, signal.SIGKILL)
                    raise Closed
                pid, status, usage = os.wait4(child, os.WNOHANG)
                if pid == child:
                    by_signal = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
                    seconds = usage.ru_utime + usage.ru_stime
                    return {"kind": "end", "signal": by_signal, "late": killed, "seconds": seconds}
                used, now, progress = linux.cpu_seconds(child), time.monotonic(), self.buffer.progress
                if progress != text:
                    text, cpu, clock = progress, used, now
                # The child itself reports the count of texts, so the total is also bounded in wall-clock time.
                over = now - start > _WALL_FACTOR * self.limits["program_seconds"]
                if not killed and (over or used - cpu > most or now - clock > _WALL_FACTOR * most):
                    os.kill(child, signal.SIGKILL)
                    killed = True
        finally:
            if ended >= 0:
                os.close(ended)


def _warm_up() -> None:
    """Triggers everything that is loaded at its first use, as no file can be opened later."""
    view = TokenView([1, 2, 1], [" a", " b", " a"])
    view.softmax(2.0 * view.matrix("first_token") - view.key.comma).sum(axis=1).max()
    matrix = np.eye(3)
    np.linalg.norm(np.linalg.inv(matrix + 1) if np.linalg.det(matrix + 1) else matrix)
    np.einsum("ij,jk->ik", matrix, matrix).mean()
    np.array2string(matrix)
    np.random.default_rng(0).uniform()
    "é".encode().decode("latin-1").encode("ascii", "replace")
    with contextlib.suppress(ValueError):
        np.reshape(matrix, 5)


def _confine(server: Server, without: list[str]) -> None:
    """Applies the server's own layers; with namespaces, a new process continues and this one waits for it."""
    server.attempt(Layer.USER, without, linux.become_nobody)
    if server.attempt(Layer.NAMESPACES, without, linux.unshare_namespaces):
        inner = os.fork()
        if inner:
            server.channel.close()
            os._exit(os.waitstatus_to_exitcode(os.waitpid(inner, 0)[1]) & 0xFF)
        linux.die_with_parent()
    with contextlib.suppress(OSError):
        server.address_space = linux.AddressSpace()
    if Layer.NAMESPACES in server.layers:
        try:
            linux.hide_files()
        except OSError as error:
            server.missing["hidden files"] = str(error)
    with contextlib.suppress(OSError, AttributeError):
        linux.forbid_new_rights()
    server.attempt(Layer.LANDLOCK, without, linux.deny_files)
    server.attempt(Layer.LIMITS, without, lambda: resource.getrlimit(resource.RLIMIT_AS))
    if server.attempt(Layer.SECCOMP, without, _try_filter):
        server.call_filter = prepared_filter()


def _try_filter() -> None:
    """Tries the filter in a throwaway process, to see whether this kernel accepts it."""
    put_on = prepared_filter()
    child = os.fork()
    if child == 0:
        try:
            put_on()
        except OSError as error:
            os._exit(error.errno or 1)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code:
        raise OSError(code, os.strerror(code) if code > 0 else f"ended by signal {-code}")


def main() -> None:
    """Reports the active layers, then serves."""
    os.dup2(int(sys.argv[1]), _CHANNEL)
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    os.closerange(_CHANNEL + 1, most if most != resource.RLIM_INFINITY else 1 << 20)
    channel = socket.socket(fileno=_CHANNEL)
    try:
        options = json.loads(sys.argv[2])
        gc.disable()
        server = Server(channel, limits=options["limits"])
        _warm_up()
        null = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(null, standard)
        os.close(null)
        _confine(server, options["without"])
        send(channel, {"kind": "ready", "layers": sorted(server.layers), "missing": server.missing})
        server.serve()
    except Closed:
        os._exit(0)
    except BaseException as error:
        with contextlib.suppress(OSError):
            send(channel, {"kind": "failed", "message": f"{type(error).__name__}: {error}"})
        os._exit(1)


if __name__ == "__main__":
    main()
