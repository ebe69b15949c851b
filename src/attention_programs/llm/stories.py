"""What happened to each head, round by round."""

from collections import Counter
from dataclasses import dataclass, field

from attention_programs.llm.exchanges import Exchange
from attention_programs.llm.judging import Fit
from attention_programs.programs.table import ProgramRecord
from attention_programs.sparse_search.coefficients import FittedConstants
from attention_programs.untrusted.vetting import Admission


@dataclass(frozen=True)
class Written:
    """A program that the explainer wrote and that runs, with its fit."""

    record: ProgramRecord
    fit: Fit
    round: int


@dataclass
class HeadStory:
    """What happened to a head, round by round."""

    head: str
    best: Written | None = None
    failures: list[str] = field(default_factory=list)
    """Why the last round's candidates can't be used."""
    written: list[Written] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)
    kept_revision: bool = False
    fitted: ProgramRecord | None = None
    constants: FittedConstants | None = None

    def choose(self, number: int) -> None:
        """Keeps a program after a round.

        First the candidate nearest on training texts; later a revision that is nearer on texts no prompt shows.
        """
        fresh = [written for written in self.written if written.round == number]
        if not fresh:
            return
        best = min(fresh, key=lambda written: written.fit.distance)
        if self.best is None:
            self.best = best
        elif best.fit.distance_kept_back < self.best.fit.distance_kept_back:
            self.best, self.kept_revision = best, True


@dataclass
class Told:
    """All heads, and what became of every candidate."""

    stories: dict[str, HeadStory]
    admissions: list[Admission] = field(default_factory=list)
    problems: Counter[str] = field(default_factory=Counter)
    """Replies, or parts of one, without a program to try, by reason."""
    candidates: int = 0
    repeated: int = 0
    """Candidates that some reply for the same head held before."""
    prompts: int = 0
    prompts_as_recorded: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
