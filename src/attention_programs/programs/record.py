"""The program table: one content-addressed record per program, with its provenance."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, get_args

from attention_programs.errors import UserError
from attention_programs.files import read_jsonl, write_jsonl
from attention_programs.programs.methods import Author
from attention_programs.programs.paper_source.dependencies import parse_paper_source
from attention_programs.programs.prefix import PrefixVerdict
from attention_programs.programs.runtime import Program, compile_trusted, is_trusted
from attention_programs.programs.source import ParsedSource, ProgramFormat, parse_source
from attention_programs.renamed import current_fields

_KINDS = {
    "id": str, "name": str, "source": str, "description": str, "author": str, "intended_heads": list, "terms": int,
    "nodes": int, "prefix_test": str, "provenance": dict, "format": str, "entry": str, "set_order_matters": bool,
}  # fmt: skip


@dataclass(frozen=True)
class ProgramRecord:
    """A program and where it came from."""

    id: str
    name: str
    source: str
    description: str
    author: Author
    intended_heads: list[str]
    """Heads it was written for; empty for general-purpose programs."""
    terms: int
    nodes: int
    prefix_test: PrefixVerdict
    provenance: dict[str, Any] = field(default_factory=dict)
    format: ProgramFormat = "view"
    """Whether its function takes a view, or a sentence and a tokenizer as in the paper."""
    entry: str = "program"
    """Name of its function."""
    set_order_matters: bool = False
    """Whether its pattern is only reproducible under the sandbox's fixed hash seed."""

    def parsed(self) -> ParsedSource:
        """Its source, parsed without running it."""
        return parse(self.source, self.format, self.entry, f"program {self.name!r}")

    @property
    def trusted(self) -> bool:
        """Whether it may run in this process: its source ships with the package or uses only vocabulary terms."""
        return self.format == "view" and is_trusted(self.parsed())

    def may_go_into_a_causal_model(self, look_ahead: Collection[str]) -> bool:
        """Whether it obeys the prefix rule or is listed as an exception."""
        return self.prefix_test == "prefix_only" or self.name in look_ahead

    def compiled(self) -> Program:
        """The program as a callable.

        Raises:
            UserError: if the program may not run in this process.
        """
        return compile_trusted(self.source, f"program {self.name!r}")


def parse(source: str, format: ProgramFormat, entry: str, place: str) -> ParsedSource:
    """Parses a source of either format.

    Raises:
        UserError: if it is not a program of that format.
    """
    return parse_source(source, place) if format == "view" else parse_paper_source(source, entry, place)


def make_record(
    source: str,
    name: str,
    author: Author,
    prefix_test: PrefixVerdict,
    heads: list[str],
    provenance: dict[str, Any],
    place: str = "",
) -> ProgramRecord:
    """The record of a source; ``place`` identifies it in messages, by default by its name.

    Raises:
        UserError: if the source is not a program or lacks the docstring that says what the head does.
    """
    place = place or f"program {name!r}"
    parsed = parse_source(source, place)
    if not parsed.description:
        raise UserError(f"{place} has no docstring; say in one sentence what the head does")
    return ProgramRecord(
        id=parsed.program_id,
        name=name,
        source=source.strip() + "\n",
        description=parsed.description,
        author=author,
        intended_heads=heads,
        terms=parsed.terms,
        nodes=parsed.nodes,
        prefix_test=prefix_test,
        provenance=provenance,
    )


def merge(records: Iterable[ProgramRecord]) -> list[ProgramRecord]:
    """Merges records with the same source: the first stays, with the intended heads of all."""
    groups = defaultdict[str, list[ProgramRecord]](list)
    for record in records:
        groups[record.id].append(record)
    return [
        replace(equal[0], intended_heads=list(dict.fromkeys(head for each in equal for head in each.intended_heads)))
        for equal in groups.values()
    ]


def write_programs(path: Path, records: Iterable[ProgramRecord]) -> None:
    """Writes the table as JSONL, in the order given."""
    write_jsonl(path, (asdict(record) for record in records))


def read_programs(path: Path) -> list[ProgramRecord]:
    """Reads a table, checking that each id is the hash of its source.

    Raises:
        UserError: if the file is missing, or a record is malformed or altered.
    """
    return [read_record(row, f"{path}, row {number}") for number, row in enumerate(read_jsonl(path), start=1)]


def read_record(row: dict[str, Any], place: str) -> ProgramRecord:
    """Reads one record of a table.

    Raises:
        UserError: naming ``place`` if it is malformed or altered.
    """
    try:
        row = current_fields(row, place.split(", row", maxsplit=1)[0])
        record = ProgramRecord(**row)
    except TypeError as error:
        raise UserError(f"{place}: not a program record ({error}); run `dvc repro` to rebuild the table") from error
    for name, kind in _KINDS.items():
        value = row.get(name, getattr(record, name))
        if type(value) is not kind:
            raise UserError(f"{place}: {name} is {value!r}; it must be a {kind.__name__}")
    for name, choices in (
        ("author", get_args(Author)),
        ("prefix_test", get_args(PrefixVerdict)),
        ("format", get_args(ProgramFormat)),
    ):
        if getattr(record, name) not in choices:
            raise UserError(f"{place}: {name} is {row[name]!r}; it must be one of {', '.join(choices)}")
    if parse(record.source, record.format, record.entry, place).program_id != record.id:
        raise UserError(f"{place}: the source of {record.name!r} does not hash to its id; run `dvc repro`")
    return record
