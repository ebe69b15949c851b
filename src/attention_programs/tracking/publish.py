"""Publishing the stages' outputs to MLflow, once per content."""

from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock
from mlflow.entities import Run
from mlflow.entities.model_registry import ModelVersion

from attention_programs.config import Config
from attention_programs.llm.call_log import read_log
from attention_programs.paths import Paths
from attention_programs.progress import progress
from attention_programs.surrogate.specification import read_specification
from attention_programs.tracking.lineage import SURROGATE_FILE, Lineage, check_files, published_files, read_lineage
from attention_programs.tracking.lookup import ALIAS, registered_name
from attention_programs.tracking.mlflow_store import EXPERIMENT, Store, open_store
from attention_programs.tracking.model_card import read_validation
from attention_programs.tracking.model_registry import register, versions_of, withdraw
from attention_programs.tracking.prompt_registry import calls_of, register_prompts
from attention_programs.tracking.runs import PROFILE_RUN, fill_profile_run, log_program, logged_programs, profile_tags

LOCK = "mlruns/publish.lock"


@dataclass(frozen=True)
class Published:
    """Where a profile's results are in MLflow."""

    experiment_id: str
    run_id: str
    """The profile's run."""
    model: str
    """Name of the registered model."""
    version: str
    alias: str
    """The alias that the version earned; empty if it failed the gate."""
    gate: str
    """Whether the gate was passed, and why."""
    programs: int
    """Number of child runs: one per program that was selected or written from a prompt."""
    url: str
    """Path of the run in MLflow's UI."""


def publish(config: Config, paths: Paths, root: Path) -> Published:
    """Publishes a profile's results; does nothing if the same content is already published.

    An interrupted attempt leaves an unfinished run, which the next attempt removes before it starts again.

    Raises:
        UserError: if a file is missing or does not match ``dvc.lock`` and ``params.yaml``.
    """
    root = root.resolve()
    lineage = read_lineage(config, paths, root)
    files = published_files(paths)
    check_files(lineage, files, root)
    (root / LOCK).parent.mkdir(parents=True, exist_ok=True)
    with FileLock(root / LOCK), open_store(root, create=True) as store:
        experiment = store.experiment(EXPERIMENT)
        _remove_unfinished(store, experiment, config, lineage.content_key)
        if not _finished(store, experiment, config, lineage.content_key):
            _write(store, experiment, config, paths, lineage, files)
        return _found(store, experiment, config, lineage.content_key)


def _finished(store: Store, experiment: str, config: Config, content_key: str) -> list[Run]:
    return store.runs(experiment, f"{_profile_runs(config)} and tags.content_key = '{content_key}'")


def _profile_runs(config: Config) -> str:
    return f"tags.kind = '{PROFILE_RUN}' and tags.profile = '{config.profile}'"


def _found(store: Store, experiment: str, config: Config, content_key: str) -> Published:
    run = _finished(store, experiment, config, content_key)[0]
    run_id, version = run.info.run_id, _versions(store, run)[0]
    gate = version.tags["gate"]
    return Published(
        experiment_id=experiment,
        run_id=run_id,
        model=version.name,
        version=str(version.version),
        alias=ALIAS if gate.startswith("passed") else "",
        gate=gate,
        programs=len(store.runs(experiment, f"tags.`mlflow.parentRunId` = '{run_id}'")),
        url=f"#/experiments/{experiment}/runs/{run_id}",
    )


def _versions(store: Store, run: Run) -> list[ModelVersion]:
    """The same content may have other versions, from runs in another experiment or deleted runs."""
    tags = run.data.tags
    versions = versions_of(store, registered_name(tags["profile"]), tags["content_key"])
    return [version for version in versions if version.run_id == run.info.run_id]


def _write(store: Store, experiment: str, config: Config, paths: Paths, lineage: Lineage, files: list[Path]) -> None:
    """Writes the profile's run, its programs' runs and the registered version; the run is finished last."""
    specification = paths.data / SURROGATE_FILE
    validation = read_validation(config, paths, read_specification(specification))
    programs = logged_programs(paths)
    log = read_log(store.root / config.explainer.call_log)
    calls = {call.key: call for call in log if call.status == "answered"}
    tags = profile_tags(config, paths, lineage)
    shared = lineage.tags() | {key: tags[key] for key in ("profile", "model", "weights_sha256")}
    run = store.client.create_run(experiment, tags=tags, run_name=f"{config.profile} {lineage.content_key[:8]}")
    try:
        if config.explainer.mode != "off":
            register_prompts()
        fill_profile_run(store, run, config, paths, lineage, files)
        for program, rows in progress(programs, "MLflow", unit="runs"):
            log_program(store, run, shared, program, rows, calls_of(program, calls))
        register(store, run, lineage, specification, validation)
        store.client.set_terminated(run.info.run_id)
    except BaseException:  # a run that is killed stays marked as running
        store.client.set_terminated(run.info.run_id, "FAILED")
        raise


def _remove_unfinished(store: Store, experiment: str, config: Config, content_key: str) -> None:
    """The lock guarantees that none is in progress; a finished run is removed if its version was deleted."""
    for run in store.runs(experiment, _profile_runs(config)):
        key = run.data.tags["content_key"]
        if run.info.status != "FINISHED" or (key == content_key and not _versions(store, run)):
            remove(store, run)


def remove(store: Store, profile_run: Run) -> None:
    """Removes everything that was published or imported with a run."""
    client, experiment = store.client, profile_run.info.experiment_id
    same = f"tags.content_key = '{profile_run.data.tags['content_key']}'"
    for version in _versions(store, profile_run):
        withdraw(store, version)
    for model in client.search_logged_models([experiment], same):
        client.delete_logged_model(model.model_id)
        store.remove_files(model.artifact_location)
    for run in store.runs(experiment, same):
        client.delete_run(run.info.run_id)
        store.remove_files(run.info.artifact_uri)
