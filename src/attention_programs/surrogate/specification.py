"""A surrogate as a file: which heads are replaced by which programs, and for which weights."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attention_programs.config import Precision
from attention_programs.errors import UserError
from attention_programs.files import read_json, write_json
from attention_programs.models.head import Head
from attention_programs.programs.record import ProgramRecord
from attention_programs.programs.runner import NOT_USED
from attention_programs.renamed import VALUES, current_fields

if TYPE_CHECKING:  # a specification is read without importing torch
    from attention_programs.scoring.assignments import Assignment

SCHEMA_VERSION = 2


@dataclass(frozen=True)
class RecordedText:
    """A measured text: its tokens and its losses."""

    key: str
    """The text's key in ``texts.jsonl``."""
    corpus: str
    windows: list[list[int]]
    """Token ids of its windows."""
    tokens: int
    """Number of predicted tokens over all windows."""
    original: float
    """Summed loss of the original model, nats."""
    replaced: float
    """The same with the surrogate's heads replaced."""


@dataclass(frozen=True)
class RecordedLosses:
    """The recorded texts, and how they were measured."""

    precision: Precision = "float32"
    """Precision of the passes."""
    texts: tuple[RecordedText, ...] = ()


@dataclass(frozen=True)
class SurrogateSpecification:
    """A model's name and weights, and the programs that replace some of its heads."""

    profile: str
    model: str
    weights_sha256: str
    causal: bool
    ranking: str
    """The ranking that the replaced heads were chosen by, a key of ``RANKINGS``."""
    percent: int
    """Percentage of the selected heads that is replaced."""
    max_tokens: int
    """Length of the texts that programs were fitted and validated on."""
    heads: dict[str, str]
    """Program id of each replaced head."""
    programs: dict[str, ProgramRecord] = field(default_factory=dict)
    look_ahead: list[str] = field(default_factory=list)
    """Names of programs that are used although they look ahead."""
    sandbox: str = NOT_USED
    """Level of the sandbox that its programs were measured in."""
    recorded: RecordedLosses = field(default_factory=RecordedLosses)
    """Losses on a few test texts, for verification when it is loaded; none in files of earlier versions."""
    schema_version: int = SCHEMA_VERSION

    @property
    def assignment(self) -> "Assignment":
        """Program of each replaced head."""
        return {Head.parse(head): self.programs[program] for head, program in self.heads.items()}


def write_specification(path: Path, specification: SurrogateSpecification) -> None:
    """Writes the specification as JSON."""
    write_json(path, asdict(specification))


def _today(values: dict[str, Any]) -> dict[str, Any]:
    """A record with current names; files of the last release can still be read."""
    words = {VALUES.get(key, key): value for key, value in values.items()}
    return words | {key: VALUES.get(words[key], words[key]) for key in ("ranking", "prefix_test") if key in words}


def read_specification(path: Path) -> SurrogateSpecification:
    """Reads and checks a specification.

    Raises:
        UserError: if it is missing, damaged or of another schema, or if one of its programs is missing or was altered.
    """
    values = read_json(path)
    if not isinstance(values, dict) or values.get("schema_version") != SCHEMA_VERSION:
        raise UserError(f"{path} is not a surrogate of schema {SCHEMA_VERSION}; run `dvc repro replace`")
    try:
        values = _today(values)
        values["programs"] = {
            key: ProgramRecord(**_today(current_fields(row, str(path)))) for key, row in values["programs"].items()
        }
        recorded = values.get("recorded", {})
        texts = tuple(RecordedText(**text) for text in recorded.get("texts", ()))
        values["recorded"] = RecordedLosses(**recorded | {"texts": texts})
        specification = SurrogateSpecification(**values)
        missing = [head for head, program in specification.heads.items() if program not in specification.programs]
    except (TypeError, KeyError, AttributeError) as error:
        raise UserError(f"{path} is not a surrogate: {error}; run `dvc repro replace`") from error
    if missing:
        raise UserError(f"{path}: the program of head {missing[0]} is missing; run `dvc repro replace`")
    for key, program in specification.programs.items():
        if not key == program.id == program.parsed().program_id:
            raise UserError(f"{path}: the source of {program.name!r} does not hash to its id; run `dvc repro replace`")
    return specification
