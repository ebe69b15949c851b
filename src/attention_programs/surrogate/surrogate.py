"""A model with the heads of a specification replaced, ready for use."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from attention_programs.errors import UserError
from attention_programs.models.head import Head
from attention_programs.models.loading import LoadedModel, best_device, load_model
from attention_programs.models.token_style import TokenStyle
from attention_programs.programs.runner import Runner, TrustedRunner
from attention_programs.surrogate.identity import check_identity
from attention_programs.surrogate.intervention import PatchedModel, pattern_cache
from attention_programs.surrogate.recorded_losses import measure_again
from attention_programs.surrogate.specification import SurrogateSpecification, read_specification


@dataclass
class Surrogate(PatchedModel):
    """A patched model that knows its specification."""

    specification: SurrogateSpecification | None = None


def load_surrogate(
    specification: Path,
    model_folder: Path,
    runner_for: Callable[[TokenStyle], Runner] = lambda _: TrustedRunner(),
    verify: bool = False,
) -> Surrogate:
    """Loads a model and replaces its heads, after verifying that the intervention is exact.

    Args:
        specification: A file of ``surrogate.specification``.
        model_folder: ``models/<name>``.
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
            f"{model_folder} has weights {loaded.record.weights_sha256[:10]}, but the surrogate needs "
            f"{wanted.weights_sha256[:10]} ({wanted.model}); run `dvc repro model` for that profile"
        )
    check_identity(loaded, [Head.parse(head) for head in wanted.heads])
    cache = pattern_cache(loaded, runner_for(loaded.token_style))
    surrogate = Surrogate(loaded, wanted.assignment, cache, wanted.look_ahead, specification=wanted)
    if verify:
        measure_again(surrogate, wanted.recorded).check()
    return surrogate
