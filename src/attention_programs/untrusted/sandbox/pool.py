"""The sandbox: parallel fork servers; a few texts are run twice more to test whether a program is deterministic."""

import queue
import sys
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain
from typing import NamedTuple

import numpy as np

from attention_programs.config import SandboxSettings
from attention_programs.errors import UserError
from attention_programs.programs.run_result import Outcome, Reason, Rejected, Scored
from attention_programs.untrusted.sandbox.child import Job, UntrustedProgram
from attention_programs.untrusted.sandbox.fork_server import Environment, ForkServer, SandboxText
from attention_programs.untrusted.sandbox.layers import Layer, Level, level_of
from attention_programs.untrusted.sandbox.screening import screen

MAIN = Environment(hash_seed=0, memory_fill=0)
AGAIN = Environment(hash_seed=0, memory_fill=0xA5)
"""A separate process with other addresses and other contents of fresh memory."""
OTHER_ORDER = Environment(hash_seed=1, memory_fill=0)
"""Sets are iterated in another order."""
CONFIRMATIONS = 2
"""New processes that must agree before a difference is put down to the order of sets."""
LONGEST_SOURCE = 200_000
"""In characters; nobody reads a longer program."""


@dataclass(frozen=True)
class Ran:
    """A program's outcomes on all texts."""

    outcomes: list[Outcome]
    set_order_matters: bool = False
    """Whether it is reproducible only with a fixed hash seed."""


class _Worker(NamedTuple):
    main: ForkServer
    again: ForkServer
    other_order: ForkServer


class Sandbox:
    """Runs untrusted programs. Starts immediately; close it, or use ``with``.

    Args:
        settings: Limits, and the lowest acceptable level.
        workers: Programs run in parallel.
        filters: Whether programs are screened and get only harmless builtins; off only to test the kernel's layers.
        without: Layers to disable, to test the others.
        spawn: Whether every program gets a server of its own; always so outside Linux.

    Raises:
        UserError: if the level is below the lowest that the settings allow.
    """

    def __init__(
        self,
        settings: SandboxSettings,
        workers: int,
        *,
        filters: bool = True,
        without: Collection[Layer] = (),
        spawn: bool = False,
    ) -> None:
        self._settings = settings
        self._filters = filters
        self._workers: list[_Worker] = []
        self._texts = 0
        spawn = spawn or not sys.platform.startswith("linux")
        try:
            for _ in range(workers):
                servers = [ForkServer(settings, around, without, spawn) for around in (MAIN, AGAIN, OTHER_ORDER)]
                self._workers.append(_Worker(*servers))
            self.layers: frozenset[Layer] = frozenset.intersection(*(worker.main.layers for worker in self._workers))
            self.missing: dict[str, str] = self._workers[0].main.missing
            self._require_level()
        except BaseException:
            self.close()
            raise

    @property
    def level(self) -> Level:
        """How strong the active layers are."""
        return level_of(self.layers)

    @property
    def description(self) -> str:
        """The level, its layers and the missing ones, on one line."""
        missing = "".join(f"; no {name} ({reason})" for name, reason in sorted(self.missing.items()))
        return f"{self.level} ({', '.join(sorted(self.layers)) or 'no layers'}{missing})"

    def _require_level(self) -> None:
        lowest, levels = Level(self._settings.lowest_level), list(Level)
        if levels.index(self.level) > levels.index(lowest):
            raise UserError(
                f"the sandbox reaches level {self.description} here, and sandbox.lowest_level is {lowest}; run on a "
                f"machine that has the missing layers, or set sandbox.lowest_level: {self.level} if you trust the "
                "programs"
            )

    def load(self, texts: Sequence[SandboxText], causal: bool) -> None:
        """Sends all servers the texts that programs run on."""
        for server in chain.from_iterable(self._workers):
            server.load(texts, causal)
        self._texts = len(texts)

    def run_all(self, programs: Iterable[UntrustedProgram], check: bool = True) -> Iterator[Ran]:
        """Yields each program's outcomes in order; with ``check``, some texts are run again to test for determinism."""
        free: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        for worker in self._workers:
            free.put(worker)

        def work(program: UntrustedProgram) -> Ran:
            worker = free.get()
            try:
                return self._run(program, worker, check)
            finally:
                free.put(worker)

        with ThreadPoolExecutor(len(self._workers)) as pool:
            running: deque[Future[Ran]] = deque()
            for program in programs:
                running.append(pool.submit(work, program))
                if len(running) > 2 * len(self._workers):
                    yield running.popleft().result()
            while running:
                yield running.popleft().result()

    def _run(self, program: UntrustedProgram, worker: _Worker, check: bool) -> Ran:
        if (length := len(program.source)) > LONGEST_SOURCE:
            too_long = Rejected(Reason.FORBIDDEN, f"{length} characters are more than {LONGEST_SOURCE}")
            return Ran([too_long] * self._texts)
        if self._filters and (rejected := screen(program.source)) is not None:
            return Ran([rejected] * self._texts)
        job = Job(**vars(program), order=range(self._texts), filters=self._filters)
        outcomes = worker.main.run(job)
        return self._checked(job, outcomes, worker) if check else Ran(outcomes)

    def _checked(self, job: Job, outcomes: list[Outcome], worker: _Worker) -> Ran:
        """Runs a few texts again, backwards, in other processes; if results differ, the program is rejected."""
        count = min(self._settings.check_texts, len(outcomes))
        chosen = sorted({int(i) for i in np.linspace(0, len(outcomes) - 1, count)}) if count else []
        chosen = [index for index in chosen if not _unfinished(outcomes[index])]
        if not chosen:
            return Ran(outcomes)
        backwards = replace(job, order=chosen[::-1])
        first = [outcomes[index] for index in chosen]
        same = _same(first, worker.again.run(backwards))
        set_order_matters = same and not _same(first, worker.other_order.run(backwards))
        if set_order_matters:  # or does it depend on addresses of objects, which may be equal by chance?
            for _ in range(CONFIRMATIONS):
                worker.again.restart()
                same = same and _same(first, worker.again.run(backwards))
        if not same:
            message = "the same text gives another map in another order and another process"
            return Ran([Rejected(Reason.NOT_DETERMINISTIC, message)] * len(outcomes))
        return Ran(outcomes, set_order_matters)

    def close(self) -> None:
        """Stops all servers."""
        for server in chain.from_iterable(self._workers):
            server.close()
        self._workers = []

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _unfinished(outcome: Outcome) -> bool:
    """Whether a result may be due to load on the machine rather than to the program."""
    return isinstance(outcome, Rejected) and outcome.reason in (Reason.TIME, Reason.MEMORY)


def _same(one: Sequence[Outcome], two: Sequence[Outcome]) -> bool:
    for first, second in zip(one, two, strict=True):
        if _unfinished(first) or _unfinished(second):
            continue
        if isinstance(first, Scored) and isinstance(second, Scored):
            if first.weights.tobytes() != second.weights.tobytes():
                return False
        elif isinstance(first, Scored) or isinstance(second, Scored) or first.reason != second.reason:
            return False
    return True
