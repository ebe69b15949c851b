"""Alternative programs for the same heads, kept to show what each choice is worth."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from attention_programs.errors import UserError
from attention_programs.files import read_jsonl, write_jsonl
from attention_programs.models.head import Head
from attention_programs.programs.code_generation import WeightedTerm, emit
from attention_programs.programs.features import Feature
from attention_programs.programs.prefix import PrefixVerdict, prefix_verdict
from attention_programs.programs.record import ProgramRecord, make_record, read_record
from attention_programs.programs.runtime import compile_trusted
from attention_programs.programs.view import TokenView


@dataclass(frozen=True)
class Analysis:
    """A program for every head."""

    name: str
    """Family and member, such as ``terms/3``, ``shared/30`` or ``transfer/code``."""
    programs: dict[Head, ProgramRecord]


@dataclass(frozen=True)
class Writer:
    """Writes terms as program records."""

    provenance: Mapping[str, Any]
    """Provenance that all records share."""
    views: Sequence[TokenView]
    """Texts on which the prefix rule is tested."""
    heads: Sequence[Head]
    """The selected heads."""
    _verdicts: dict[Feature, PrefixVerdict] = field(default_factory=dict)

    def record(
        self, terms: Sequence[WeightedTerm], name: str, heads: Sequence[Head], details: Mapping[str, Any]
    ) -> ProgramRecord:
        """The record of one program."""
        names = [str(head) for head in heads]
        verdict = self._verdict([term.feature for term in terms])
        return make_record(emit(terms), name, "search", verdict, names, {**self.provenance, **details})

    def _verdict(self, features: Iterable[Feature]) -> PrefixVerdict:
        """The prefix test's verdict on a softmax of a sum, which obeys the rule if each of its terms does."""
        for feature in features:
            if feature not in self._verdicts:
                source = f"def program(text):\n    return text.softmax({feature.expression})\n"
                alone = compile_trusted(source, f"the term {feature.expression}")
                self._verdicts[feature] = prefix_verdict(alone, self.views)
            if self._verdicts[feature] == "looks_ahead":
                return "looks_ahead"
        return "prefix_only"

    def analysis(self, name: str, terms: Sequence[Sequence[WeightedTerm]]) -> Analysis:
        """The programs of an analysis; heads with the same terms share one program."""
        sources = [emit(each) for each in terms]
        records = {}
        for source, each in dict(zip(sources, terms, strict=True)).items():
            heads = [head for head, own in zip(self.heads, sources, strict=True) if own == source]
            records[source] = self.record(each, f"{name}: {heads[0]}", heads, {"analysis": name})
        return Analysis(name, {head: records[own] for head, own in zip(self.heads, sources, strict=True)})


def write_analyses(path: Path, analyses: Iterable[Analysis]) -> None:
    """Writes analyses as JSONL: one line per program."""
    rows = (
        {"analysis": analysis.name, "program": asdict(record)}
        for analysis in analyses
        for record in {record.id: record for record in analysis.programs.values()}.values()
    )
    write_jsonl(path, rows)


def read_analyses(path: Path) -> list[Analysis]:
    """Reads what :func:`write_analyses` wrote.

    Raises:
        UserError: if the file is missing or malformed.
    """
    programs: dict[str, dict[Head, ProgramRecord]] = {}
    for number, row in enumerate(read_jsonl(path), start=1):
        place = f"{path}, row {number}"
        if set(row) != {"analysis", "program"}:
            raise UserError(f"{place}: not a program of an analysis; run `dvc repro synthesize`")
        record = read_record(row["program"], place)
        for head in record.intended_heads:
            programs.setdefault(row["analysis"], {})[Head.parse(head)] = record
    return [Analysis(name, found) for name, found in programs.items()]
