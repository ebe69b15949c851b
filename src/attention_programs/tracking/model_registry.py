"""Registering and loading versions of surrogates."""

import tempfile
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from mlflow.entities import LoggedModelOutput, Metric, Run
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from attention_programs.files import defined, write_json
from attention_programs.surrogate.specification import read_specification
from attention_programs.tracking.lineage import Lineage
from attention_programs.tracking.lookup import ALIAS, registered_name, surrogate_info
from attention_programs.tracking.measurements import to_metrics
from attention_programs.tracking.model_card import Validation
from attention_programs.tracking.store import EXISTS, Store, all_pages

if TYPE_CHECKING:  # torch is only imported to load a model, so that surrogates can be described without it
    from attention_programs.surrogate.recorded_losses import Remeasurement
    from attention_programs.surrogate.surrogate import Surrogate

EXAMPLE = "Once upon a time there was a little girl who lived near the forest."
PACKAGES = ("mlflow", "numpy", "pandas", "torch", "transformers")


def register(
    store: Store, run: Run, lineage: Lineage, specification_file: Path, validation: Validation
) -> ModelVersion:
    """Registers a surrogate as a new version, which has no alias yet."""
    specification = read_specification(specification_file)
    name = registered_name(specification.profile)
    tags = {**lineage.tags(), **validation.tags(), "profile": specification.profile, "model": specification.model}
    tags["weights_sha256"] = specification.weights_sha256
    model_id = _log_model(store, run, tags, specification_file, validation)
    client = store.client
    if not client.search_registered_models(f"name = '{name}'"):
        try:
            client.create_registered_model(name, description=f"{specification.model} with heads replaced by programs.")
        except MlflowException as error:
            if error.error_code != EXISTS:  # else another publisher was quicker
                raise
    return client.create_model_version(
        name, f"models:/{model_id}", run.info.run_id, tags, description=validation.description, model_id=model_id
    )


def give_alias(store: Store, version: ModelVersion) -> None:
    """Gives a version the alias if it passed the gate, unless a newer one has it."""
    holder = store.client.get_registered_model(version.name).aliases.get(ALIAS, 0)
    if passed(version) and int(holder) < int(version.version):
        store.client.set_registered_model_alias(version.name, ALIAS, version.version)


def passed(version: ModelVersion) -> bool:
    """Whether a version passed the gate."""
    return version.tags["gate"].startswith("passed")


def _log_model(store: Store, run: Run, tags: dict[str, str], file: Path, validation: Validation) -> str:
    import mlflow.pyfunc
    from mlflow.models import Model

    from attention_programs.tracking import surrogate_model

    client = store.client
    run_id = run.info.run_id
    logged = client.create_logged_model(run.info.experiment_id, "surrogate", run_id, tags, model_type="surrogate")
    with tempfile.TemporaryDirectory() as scratch:
        numbers = Path(scratch) / "validation.json"
        write_json(numbers, defined(asdict(validation)) | {"gate": validation.gate})
        mlflow.pyfunc.save_model(
            path=f"{scratch}/model",
            mlflow_model=Model(run_id=run_id, model_id=logged.model_id, artifact_path=logged.artifact_location),
            python_model=str(Path(surrogate_model.__file__)),
            artifacts={"surrogate": str(file), "validation": str(numbers)},
            signature=surrogate_model.signature(read_specification(file).max_tokens),
            input_example=[EXAMPLE],
            # Versions without build tags: one list for machines with and without a GPU.
            pip_requirements=[f"{name}=={metadata.version(name).split('+')[0]}" for name in PACKAGES],
        )
        client.log_model_artifacts(logged.model_id, f"{scratch}/model")
    client.finalize_logged_model(logged.model_id, "READY")
    client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])
    metrics = [
        Metric(m.key, m.value, m.timestamp, m.step, model_id=logged.model_id) for m in to_metrics(validation.metrics())
    ]
    client.log_batch(run_id, metrics=metrics)
    return str(logged.model_id)


def versions_of(store: Store, name: str, content_key: str = "") -> list[ModelVersion]:
    """The versions of a registered model; with a content key, only those of that content."""
    condition = f"name = '{name}'" + (f" and tags.content_key = '{content_key}'" if content_key else "")
    return all_pages(lambda token: store.client.search_model_versions(condition, page_token=token))


def load_surrogate(reference: str, root: Path, verify: bool = False) -> "Surrogate":
    """A registered surrogate as a patched transformers model, ready to use.

    Args:
        reference: ``NAME``, ``NAME@ALIAS`` or ``NAME/VERSION``; by default the latest that passed the gate.
        root: The repository's folder, whose ``models`` folder has the weights.
        verify: Whether to measure its recorded losses again, on a few test texts; takes seconds.

    Raises:
        UserError: if there is no such version, the weights are missing or not those it was validated on, or a
            recorded loss is not reproduced.
    """
    from attention_programs.tracking.patched import load_patched

    return load_patched(surrogate_info(reference, root).specification, root, verify)


def verify_surrogate(reference: str, root: Path) -> "Remeasurement":
    """Measures the losses on a registered surrogate's recorded texts again.

    Raises:
        UserError: if it can't be loaded, or has no recorded texts.
    """
    from attention_programs.surrogate.recorded_losses import measure_again
    from attention_programs.tracking.patched import load_patched

    path = surrogate_info(reference, root).specification
    with load_patched(path, root) as surrogate:
        return measure_again(surrogate, read_specification(path).recorded)
