"""Decides which untrusted programs are accepted into the program table, and why the others are not."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, get_args

from attention_programs.errors import UserError
from attention_programs.files import read_jsonl, write_jsonl
from attention_programs.programs.methods import Author
from attention_programs.programs.prefix import PrefixTest
from attention_programs.programs.record import ProgramRecord, parse
from attention_programs.programs.run_result import Reason, Rejected
from attention_programs.programs.source import ProgramFormat
from attention_programs.progress import progress
from attention_programs.renamed import current_fields
from attention_programs.untrusted.execution import SandboxRunner
from attention_programs.untrusted.sandbox.screening import screen


@dataclass(frozen=True)
class Candidate:
    """A program that has not been run yet."""

    name: str
    source: str
    description: str
    author: Author
    format: ProgramFormat
    entry: str
    intended_heads: list[str]
    provenance: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Rejection:
    """A rejected candidate."""

    candidate: Candidate
    reason: Reason
    message: str

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self.candidate), "reason": str(self.reason), "message": self.message}


@dataclass(frozen=True)
class Vetting:
    """The accepted and rejected candidates."""

    accepted: list[ProgramRecord]
    rejected: list[Rejection]

    @property
    def counts(self) -> dict[str, int]:
        """Candidates rejected for each reason; accepted ones that look ahead are counted, too."""
        counts = Counter(str(rejection.reason) for rejection in self.rejected)
        counts[str(Reason.LOOKS_AHEAD)] += sum(program.prefix_test == "looks_ahead" for program in self.accepted)
        return {str(reason): counts[str(reason)] for reason in Reason if reason is not Reason.RULED_OUT}

    def require_share(self, bound: float) -> None:
        """Checks the share of rejections.

        Raises:
            UserError: if it is above the bound, with the count of each reason.
        """
        total = len(self.rejected) + len(self.accepted)
        if total and len(self.rejected) / total > bound:
            counts = ", ".join(f"{reason} {count}" for reason, count in self.counts.items() if count)
            raise UserError(
                f"{len(self.rejected)} of {total} candidates were rejected ({counts}), more than "
                f"synthesis.max_rejected = {bound} allows; fix or remove them, or raise the bound"
            )


def vet(candidates: Sequence[Candidate], runner: SandboxRunner, test: PrefixTest) -> Vetting:
    """Runs every candidate on whole texts and their prefixes, and again in another order and process.

    A candidate must run on every whole text. One that looks ahead is accepted and marked as such.
    """
    readable: list[tuple[Candidate, ProgramRecord]] = []
    rejected: list[Rejection] = []
    for candidate in candidates:
        made = _read(candidate)
        if isinstance(made, Rejected):
            rejected.append(Rejection(candidate, made.reason, made.message))
        else:
            readable.append((candidate, made))
    accepted: list[ProgramRecord] = []
    results = runner.run_all([record for _, record in readable], test.texts)
    bar = progress(results, "candidates", len(readable), "programs") if readable else ()
    for (candidate, record), ran in zip(readable, bar, strict=True):
        failure = next((outcome for outcome in test.whole(ran.outcomes) if isinstance(outcome, Rejected)), None)
        if failure is None:
            prefix_test = test.verdict(ran.outcomes)
            accepted.append(replace(record, prefix_test=prefix_test, set_order_matters=ran.set_order_matters))
        else:
            rejected.append(Rejection(candidate, failure.reason, failure.message))
    return Vetting(accepted, rejected)


def _read(candidate: Candidate) -> ProgramRecord | Rejected:
    if (problem := screen(candidate.source)) is not None:
        return problem
    try:
        parsed = parse(candidate.source, candidate.format, candidate.entry, candidate.name)
    except UserError as error:
        return Rejected(Reason.SYNTAX, str(error))
    return ProgramRecord(
        id=parsed.program_id,
        name=candidate.name,
        source=candidate.source,
        description=candidate.description or parsed.description,
        author=candidate.author,
        intended_heads=candidate.intended_heads,
        terms=parsed.terms,
        nodes=parsed.nodes,
        prefix_test="looks_ahead",
        provenance=candidate.provenance,
        format=candidate.format,
        entry=candidate.entry,
    )


def write_candidates(path: Path, candidates: Iterable[Candidate]) -> None:
    """Writes candidates as JSONL, in the order given."""
    write_jsonl(path, (asdict(candidate) for candidate in candidates))


def read_candidates(folder: Path) -> list[Candidate]:
    """Reads every ``*.jsonl`` of a folder; none if the folder is missing.

    Raises:
        UserError: if a row is not a candidate.
    """
    return [candidate for file in sorted(folder.glob("*.jsonl")) for candidate in _read_file(file)]


def _read_file(file: Path) -> Iterator[Candidate]:
    for number, row in enumerate(read_jsonl(file), start=1):
        try:
            candidate = Candidate(**current_fields(row, str(file)))
        except TypeError as error:
            raise UserError(f"{file}, row {number}: not a candidate ({error}); import the file again") from error
        for name, choices in {"author": get_args(Author), "format": get_args(ProgramFormat)}.items():
            if (value := getattr(candidate, name)) not in choices:
                raise UserError(f"{file}, row {number}: {name} is {value!r}; it must be one of {', '.join(choices)}")
        yield candidate
