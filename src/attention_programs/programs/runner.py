"""What runs programs: the seam between those who need a program's pattern and the place where it may be computed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from attention_programs.programs.record import ProgramRecord
from attention_programs.programs.run_result import Outcome
from attention_programs.programs.runtime import Program, run
from attention_programs.programs.view import TokenView

NOT_USED = "not used"
"""The sandbox's level where every program is trusted."""


class Runner(Protocol):
    """Runs programs on texts."""

    def outcomes(self, programs: Sequence[ProgramRecord], view: TokenView) -> list[Outcome]:
        """What comes of each program on one text."""
        ...


class Finished(Runner, Protocol):
    """Outcomes on a list of texts, computed before."""

    def holds(self, view: TokenView) -> bool:
        """Whether a text is one of those that untrusted programs ran on."""
        ...


class FinishingRunner(Runner, Protocol):
    """A runner that computes many outcomes ahead and keeps them, so that a killed run goes on where it was."""

    def is_untrusted(self, program: ProgramRecord) -> bool:
        """Whether a program runs in the sandbox."""
        ...

    def finish(
        self, programs: Sequence[ProgramRecord], views: Sequence[TokenView], folder: Path, check: bool = True
    ) -> Finished:
        """Runs all untrusted programs on all texts, keeping what is finished in ``folder``."""
        ...


class TrustedRunner:
    """Runs trusted programs in this process; it is where no sandbox is."""

    def __init__(self) -> None:
        self._compiled: dict[str, Program] = {}

    def outcomes(self, programs: Sequence[ProgramRecord], view: TokenView) -> list[Outcome]:
        """What comes of each program on one text.

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
