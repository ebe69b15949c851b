"""Runners: the seam between code that needs a program's pattern and the place where it may be computed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from attention_programs.programs.record import ProgramRecord
from attention_programs.programs.run_result import Outcome
from attention_programs.programs.runtime import Program, run
from attention_programs.programs.view import TokenView

NOT_USED = "not used"
"""The sandbox level recorded if every program is trusted."""


class Runner(Protocol):
    """Runs programs on texts."""

    def outcomes(self, programs: Sequence[ProgramRecord], view: TokenView) -> list[Outcome]:
        """The outcome of each program on one text."""
        ...


class Finished(Runner, Protocol):
    """Precomputed outcomes on a list of texts."""

    def holds(self, view: TokenView) -> bool:
        """Whether a text is among those that untrusted programs ran on."""
        ...


class StoredOutcomes(Protocol):
    """Precomputed outcomes that can be sent to another process, which opens them there; hashable."""

    @property
    def program_ids(self) -> frozenset[str]:
        """Ids of the programs, trusted ones included."""
        ...

    def open(self) -> Finished:
        """The outcomes."""
        ...


class FinishingRunner(Runner, Protocol):
    """A runner that computes many outcomes in advance and stores them, so that a killed run resumes."""

    def is_untrusted(self, program: ProgramRecord) -> bool:
        """Whether a program runs in the sandbox."""
        ...

    def finish(
        self, programs: Sequence[ProgramRecord], views: Sequence[TokenView], folder: Path, check: bool = True
    ) -> Finished:
        """Runs all untrusted programs on all texts, storing finished outcomes in ``folder``."""
        ...


class TrustedRunner:
    """Runs trusted programs in this process, without a sandbox."""

    def __init__(self) -> None:
        self._compiled: dict[str, Program] = {}

    def outcomes(self, programs: Sequence[ProgramRecord], view: TokenView) -> list[Outcome]:
        """The outcome of each program on one text.

        Raises:
            UserError: if one is not trusted.
        """
        return [self.run(program, view) for program in programs]

    def run(self, program: ProgramRecord, view: TokenView) -> Outcome:
        """Runs one program.

        Raises:
            UserError: if it is not trusted.
        """
        if program.id not in self._compiled:
            self._compiled[program.id] = program.compiled()
        return run(self._compiled[program.id], view)
