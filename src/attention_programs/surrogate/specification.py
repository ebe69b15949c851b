"""What a surrogate is, as a file: which heads are replaced by which program, and of which weights."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from attention_programs.errors import UserError
from attention_programs.files import read_json, write_json
from attention_programs.models.head import Head
from attention_programs.models.loading import LoadedModel, best_device, load_model
from attention_programs.models.token_style import TokenStyle
from attention_programs.programs.runner import NOT_USED, Runner, TrustedRunner
from attention_programs.programs.table import ProgramRecord
from attention_programs.scoring.assignments import Assignment
from attention_programs.surrogate.identity import check_identity
from attention_programs.surrogate.intervention import PatchedModel, map_cache
from attention_programs.surrogate.recorded_losses import RecordedLosses, measure_again

SCHEMA_VERSION = 2


@dataclass(frozen=True)
class SurrogateSpecification:
    """A model's name and weights, and the programs that stand in for some of its heads."""

    profile: str
    model: str
    weights_sha256: str
    causal: bool
    order: str
    """How the replaced heads were chosen: ``iou`` or ``damage``."""
    percent: int
    """Share of the studied heads that is replaced, in percent."""
    max_tokens: int
    """Length of the texts that programs were fitted and validated on."""
    heads: dict[str, str]
    """Program id of each replaced head."""
    programs: dict[str, ProgramRecord] = field(default_factory=dict)
    look_ahead: list[str] = field(default_factory=list)
    """Names of programs that are in although they look ahead."""
    sandbox: str = NOT_USED
    """Level of the sandbox that its programs were measured in."""
    recorded: RecordedLosses = field(default_factory=RecordedLosses)
    """Losses on a few test texts, which whoever loads it can measure again; none in files of earlier versions."""
    schema_version: int = SCHEMA_VERSION

    @property
    def assignment(self) -> Assignment:
        """Program of each replaced head."""
        return {Head.parse(head): self.programs[program] for head, program in self.heads.items()}


def write_specification(path: Path, specification: SurrogateSpecification) -> None:
    """Writes the specification as JSON."""
    write_json(path, asdict(specification))


def read_specification(path: Path) -> SurrogateSpecification:
    """Reads and checks a specification.

    Raises:
        UserError: if it is missing, damaged, of another schema, or names a program that it does not hold unaltered.
    """
    values = read_json(path)
    if not isinstance(values, dict) or values.get("schema_version") != SCHEMA_VERSION:
        raise UserError(f"{path} is no surrogate of schema {SCHEMA_VERSION}; run `dvc repro replace`")
    try:
        values["programs"] = {key: ProgramRecord(**row) for key, row in values["programs"].items()}
        values["recorded"] = RecordedLosses.parse(values.get("recorded", {}))
        specification = SurrogateSpecification(**values)
        missing = [head for head, program in specification.heads.items() if program not in specification.programs]
    except (TypeError, KeyError, AttributeError) as error:
        raise UserError(f"{path} is no surrogate: {error}; run `dvc repro replace`") from error
    if missing:
        raise UserError(f"{path}: the program of head {missing[0]} is missing; run `dvc repro replace`")
    for key, program in specification.programs.items():
        if not key == program.id == program.parsed().program_id:
            raise UserError(f"{path}: the source of {program.name!r} does not hash to its id; run `dvc repro replace`")
    return specification


@dataclass
class Surrogate(PatchedModel):
    """A patched model that knows its specification."""

    specification: SurrogateSpecification | None = None


def _trusted_alone(_: TokenStyle) -> Runner:
    return TrustedRunner()


def load_surrogate(
    specification: Path,
    model_folder: Path,
    probes: Sequence[str] = (),
    runner_for: Callable[[TokenStyle], Runner] = _trusted_alone,
    verify: bool = False,
) -> Surrogate:
    """Loads a model and replaces its heads, after proving anew that the intervention is exact.

    Args:
        specification: A file that :func:`write_specification` wrote.
        model_folder: ``models/<name>``.
        probes: Texts for the identity test; a built-in one if empty.
        runner_for: What runs its programs on texts of the model's tokenizer; the file has no say in that. Unless
            given, untrusted programs are rejected.
        verify: Whether to measure its recorded texts again, which takes seconds.

    Raises:
        UserError: if the weights are others than those the programs were validated on, the identity test fails, or a
            recorded loss is not found again.
    """
    wanted = read_specification(specification)
    loaded: LoadedModel = load_model(model_folder, best_device(), verify=True)
    if loaded.record.weights_sha256 != wanted.weights_sha256:
        raise UserError(
            f"{model_folder} holds weights {loaded.record.weights_sha256[:10]}, the surrogate needs "
            f"{wanted.weights_sha256[:10]} ({wanted.model}); run `dvc repro model` for that profile"
        )
    check_identity(loaded, [Head.parse(head) for head in wanted.heads], probes)
    cache = map_cache(loaded, runner_for(loaded.token_style))
    surrogate = Surrogate(loaded, wanted.assignment, cache, wanted.look_ahead, specification=wanted)
    if verify:
        measure_again(surrogate, wanted.recorded).check()
    return surrogate
