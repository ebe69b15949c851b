"""Registering the surrogate of a crate in another project, after measuring it again there."""

import math
import tempfile
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from attention_programs.config import load_config
from attention_programs.crate.archive import Crate, read_crate
from attention_programs.crate.contents import LOCKED, REGISTRY, VALIDATION
from attention_programs.errors import UserError
from attention_programs.files import read_json
from attention_programs.models.fetching import fetch_model
from attention_programs.surrogate.contract import check_architecture
from attention_programs.surrogate.gate import GateMeasurement
from attention_programs.surrogate.recorded_losses import Remeasurement, measure_again
from attention_programs.surrogate.specification import SurrogateSpecification, read_specification
from attention_programs.tracking.lineage import PARAMS_FILE, SURROGATE_FILE, Lineage
from attention_programs.tracking.lookup import registered_name
from attention_programs.tracking.mlflow_store import open_store
from attention_programs.tracking.model_card import TaskAccuracy, Validation
from attention_programs.tracking.model_registry import give_alias, register, versions_of
from attention_programs.tracking.patched import load_patched
from attention_programs.tracking.publish import remove
from attention_programs.tracking.store import EXPERIMENT, Store

IMPORTED_RUN = "imported"
"""The kind of a run that holds what came with a crate."""


@dataclass(frozen=True)
class Imported:
    """A surrogate that came with a crate."""

    name: str
    version: str
    measured: Remeasurement
    """Its recorded texts, measured again here."""
    added: bool
    """Whether it was registered now; False if it was here before."""


def import_crate(path: Path, root: Path) -> Imported:
    """Registers a crate's surrogate in a project.

    Fetches the model if the project does not have it, runs the identity test, and measures the recorded texts again.

    Raises:
        UserError: if the crate was changed, the model can't be fetched or has other weights, or a loss is not
            reproduced; nothing is registered then.
    """
    crate = read_crate(path)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for name, content in crate.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        specification = _require(folder, path)
        _fetch(folder, specification, root)
        with load_patched(folder / SURROGATE_FILE, root) as surrogate:
            measured = measure_again(surrogate, specification.recorded)
        measured.check()
        with open_store(root, create=True) as store:
            return _register(store, crate, folder, specification, measured)


def _require(folder: Path, path: Path) -> SurrogateSpecification:
    missing = [name for name in (SURROGATE_FILE, VALIDATION, REGISTRY, *LOCKED) if not (folder / name).is_file()]
    if missing:
        raise UserError(f"{path} lacks {', '.join(missing)}; it is no crate of a surrogate")
    return read_specification(folder / SURROGATE_FILE)


def _fetch(folder: Path, specification: SurrogateSpecification, root: Path) -> None:
    target = root / "models" / specification.model
    if not target.is_dir():
        fetch_model(load_config(folder / PARAMS_FILE).model, target, root, check_architecture)


def _register(
    store: Store, crate: Crate, folder: Path, specification: SurrogateSpecification, measured: Remeasurement
) -> Imported:
    tags: dict[str, str] = read_json(folder / REGISTRY)["tags"]
    name, lineage = registered_name(specification.profile), _lineage(tags)
    known = versions_of(store, name, lineage.content_key)
    if known:
        return Imported(name, str(known[0].version), measured, added=False)
    experiment = store.experiment(EXPERIMENT)
    same = f"tags.kind = '{IMPORTED_RUN}' and tags.content_key = '{lineage.content_key}'"
    for unfinished in store.runs(experiment, same):
        remove(store, unfinished)
    run = store.client.create_run(
        experiment,
        tags={
            **lineage.tags(),
            "kind": IMPORTED_RUN,
            "profile": specification.profile,
            "model": specification.model,
            "weights_sha256": specification.weights_sha256,
            "crate_sha256": crate.sha256,
        },
        run_name=f"{specification.profile} {lineage.content_key[:8]}, imported",
    )
    try:
        with store.files(run) as files:
            for path, content in crate.files.items():
                (files / path).parent.mkdir(parents=True, exist_ok=True)
                (files / path).write_bytes(content)
        version = register(store, run, lineage, folder / SURROGATE_FILE, _validation(folder / VALIDATION))
        give_alias(store, version)
        store.client.set_terminated(run.info.run_id)
    except BaseException:
        remove(store, run)
        raise
    return Imported(name, str(version.version), measured, added=True)


def _lineage(tags: dict[str, str]) -> Lineage:
    return Lineage(
        content_key=tags["content_key"],
        outputs={key.removeprefix("dvc/"): value for key, value in tags.items() if key.startswith("dvc/")},
        git_commit=tags["git_commit"],
        git_changes=tags["git_changes"] == "true",
        requirements_sha256=tags["requirements_sha256"],
    )


def _validation(file: Path) -> Validation:
    values = _numbers(read_json(file))
    known = {field.name: values[field.name] for field in fields(Validation)}
    held = GateMeasurement(**known["held"])
    return Validation(**known | {"held": held, "tasks": tuple(TaskAccuracy(**task) for task in known["tasks"])})


def _numbers(value: Any) -> Any:
    """JSON's null as NaN, which it stands for."""
    if isinstance(value, dict):
        return {key: _numbers(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_numbers(inner) for inner in value]
    return math.nan if value is None else value
