"""Untrusted programs on a cluster: every task runs some of them in its worker's sandbox and stores the outcomes."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from attention_programs.config import SandboxSettings
from attention_programs.files import read_json, sha256_text, write_json
from attention_programs.models.token_style import SpecialIds, TokenStyle
from attention_programs.programs.record import ProgramRecord, read_record
from attention_programs.programs.run_result import Outcome
from attention_programs.programs.runner import NOT_USED
from attention_programs.programs.view import TokenView
from attention_programs.tasks import Workplace, kept, run_tasks
from attention_programs.untrusted.execution import FinishedInSandbox, SandboxRunner
from attention_programs.untrusted.sandbox.layers import Level

PROGRAMS_AT_ONCE = 16
"""Programs of one task: a killed worker loses no more than these."""


@dataclass(frozen=True)
class SandboxJob:
    """Programs and texts, in a file that all workers can read, and how they are run.

    It can be sent to another process, which opens the same outcomes.
    """

    inputs: Path
    """Named after its contents; outcomes are kept next to it."""
    settings: SandboxSettings
    check: bool
    """Whether programs are tested for determinism."""

    @classmethod
    def write(
        cls,
        programs: Sequence[ProgramRecord],
        views: Sequence[TokenView],
        style: TokenStyle,
        settings: SandboxSettings,
        folder: Path,
        check: bool,
    ) -> "SandboxJob":
        """Writes programs and texts into the folder of outcomes."""
        values = {
            "programs": [asdict(program) for program in programs],
            "texts": [
                {
                    "ids": view.ids,
                    "token_strings": view.token_strings,
                    "causal": view.causal,
                    "special_ids": asdict(view.special_ids),
                }
                for view in views
            ],
            "style": asdict(style),
        }
        inputs = folder.absolute() / f"inputs-{sha256_text(repr(values))[:20]}.json"
        write_json(inputs, values)
        return cls(inputs, settings, check)

    def open(self) -> FinishedInSandbox:
        """The outcomes of all programs on all texts; those that are missing are computed."""
        return kept(_opened, self).finish(slice(None))

    @property
    def program_ids(self) -> frozenset[str]:
        """Ids of the programs, trusted ones included."""
        return frozenset(program.id for program in kept(_opened, self).programs)


@dataclass(frozen=True)
class _Opened:
    """A job as a worker keeps it."""

    job: SandboxJob
    runner: SandboxRunner
    programs: list[ProgramRecord]
    views: list[TokenView]

    def finish(self, own: slice) -> FinishedInSandbox:
        return self.runner.finish(self.programs, self.views, self.job.inputs.parent, self.job.check, own)


def _opened(job: SandboxJob) -> _Opened:
    values = read_json(job.inputs)
    views = [
        TokenView(row["ids"], row["token_strings"], row["causal"], SpecialIds.from_json(row["special_ids"]))
        for row in values["texts"]
    ]
    programs = [read_record(row, f"{job.inputs}, row {number}") for number, row in enumerate(values["programs"])]
    return _Opened(job, SandboxRunner(job.settings, 1, TokenStyle.from_json(values["style"])), programs, views)


@dataclass(frozen=True)
class RunPrograms:
    """A task: some of a job's untrusted programs, by their places among them."""

    job: SandboxJob
    start: int
    stop: int


def run_programs(task: RunPrograms) -> str:
    """Runs the programs on all texts and stores what comes out.

    Returns:
        The sandbox's level.
    """
    opened = kept(_opened, task.job)
    opened.finish(slice(task.start, task.stop))
    return opened.runner.level


@dataclass(frozen=True)
class FinishedOnCluster:
    """Outcomes that this process reads, and others can open."""

    job: SandboxJob
    here: FinishedInSandbox

    def outcomes(self, programs: Sequence[ProgramRecord], view: TokenView) -> list[Outcome]:
        """The outcome of each program on one of the texts."""
        return self.here.outcomes(programs, view)

    def holds(self, view: TokenView) -> bool:
        """Whether a text is one of those that untrusted programs ran on."""
        return self.here.holds(view)

    def remove(self) -> None:
        """Deletes the stored outcomes."""
        self.here.remove()


class ClusterRunner:
    """Has a cluster's workers run untrusted programs on many texts; on a single one this process runs them itself.

    Args:
        sandbox: Runs them in this process, and says how.
        place: The cluster.
    """

    def __init__(self, sandbox: SandboxRunner, place: Workplace) -> None:
        self._sandbox = sandbox
        self._place = place
        self._levels: set[str] = set()

    @property
    def level(self) -> str:
        """The weakest level of all sandboxes, or a note that none was needed."""
        found = {*self._levels, self._sandbox.level} - {NOT_USED}
        return max(found, key=lambda level: list(Level).index(Level(level)), default=NOT_USED)

    def is_untrusted(self, program: ProgramRecord) -> bool:
        """Whether a program runs in the sandbox."""
        return self._sandbox.is_untrusted(program)

    def outcomes(self, programs: Sequence[ProgramRecord], view: TokenView) -> list[Outcome]:
        """The outcome of each program on one text."""
        return self._sandbox.outcomes(programs, view)

    def finish(
        self, programs: Sequence[ProgramRecord], views: Sequence[TokenView], folder: Path, check: bool = True
    ) -> FinishedOnCluster:
        """Runs all untrusted programs on all texts; reuses what a killed run finished in ``folder``."""
        job = SandboxJob.write(programs, views, self._sandbox.style, self._sandbox.settings, folder, check)
        count = sum(map(self.is_untrusted, programs))
        tasks = [RunPrograms(job, start, start + PROGRAMS_AT_ONCE) for start in range(0, count, PROGRAMS_AT_ONCE)]
        what = f"programs in the cluster's sandboxes, {PROGRAMS_AT_ONCE} at a time on {len(views)} texts"
        if tasks:
            self._levels |= set(run_tasks(run_programs, tasks, self._place, what, "parts"))
        return FinishedOnCluster(job, self._sandbox.finish(programs, views, folder, check))
