"""Publishing the stages' outputs to MLflow, once per content.

Nothing locks a tracking server between machines, so publishing rests on one step that its database makes unique: the
number of a new version of the registered model. A publisher first writes its run, the programs' runs and the model, and
then creates the version. From then on the content is published: *the* version of a content is the lowest one whose run
is there, and a lower one can't appear later, as MLflow gives out each number once, in order. What follows (the alias,
marking the run as finished, removing other attempts) can be done by any publisher, and again. Hence:

- of several publishers of the same content at once, the first to create a version has published it; the others find it,
  remove what they wrote and report it;
- a publisher that was killed before its version leaves an unfinished run, which the next one removes;
- one that was killed after it is completed by the next one.

An unfinished run of *another* content may be that of a publisher at work on another machine: on a server it is removed
a day after its start; in the project's own store at once, as a file lock lets publishers wait for each other there.
"""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock
from mlflow.entities import Run
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from attention_programs.config import Config
from attention_programs.errors import UserError
from attention_programs.llm.call_log import read_log
from attention_programs.paths import Paths
from attention_programs.progress import progress
from attention_programs.surrogate.specification import read_specification
from attention_programs.tracking.lineage import SURROGATE_FILE, Lineage, check_files, published_files, read_lineage
from attention_programs.tracking.lookup import ALIAS, PARENT_TAG, PROFILE_RUN, registered_name
from attention_programs.tracking.mlflow_store import open_store
from attention_programs.tracking.model_card import read_validation
from attention_programs.tracking.model_registry import give_alias, passed, register, versions_of
from attention_programs.tracking.prompt_registry import calls_of, register_prompts
from attention_programs.tracking.runs import fill_profile_run, log_program, logged_programs, profile_tags
from attention_programs.tracking.saved_view import save_view
from attention_programs.tracking.server import page
from attention_programs.tracking.store import EXPERIMENT, Store

LOCK = "mlruns/publish.lock"
LONGEST_HOURS = 24
"""No publisher works for longer."""
GONE = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "INVALID_STATE")
"""MLflow's error codes for what another publisher has removed."""


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

    Raises:
        UserError: if a file is missing or does not match ``dvc.lock`` and ``params.yaml``; if the tracking server can't
            be reached, rejects the user or fails.
    """
    root = root.resolve()
    lineage = read_lineage(config, paths, root)
    files = published_files(paths)
    check_files(lineage, files, root)
    (root / LOCK).parent.mkdir(parents=True, exist_ok=True)
    with FileLock(root / LOCK), open_store(root, create=True) as store:
        experiment = store.experiment(EXPERIMENT)
        if not _versions(store, experiment, config.profile, lineage.content_key):
            run = _write(store, experiment, config, paths, lineage, files)
            versions = _versions(store, experiment, config.profile, lineage.content_key)
            if versions and versions[0].run_id != run.info.run_id:  # another publisher was quicker
                remove(store, run)
        _tidy(store, experiment, config.profile, lineage.content_key)
        save_view(store, experiment)
        return _found(store, experiment, config.profile, lineage.content_key)


def _versions(store: Store, experiment: str, profile: str, content_key: str) -> list[ModelVersion]:
    """The versions of a content, lowest first: that of the first publisher, then those that are to be removed.

    The same content may have other versions, from runs in another experiment or deleted runs.
    """
    content = f"{_profile_runs(profile)} and tags.content_key = '{content_key}'"
    runs = {run.info.run_id for run in store.runs(experiment, content)}
    found = versions_of(store, registered_name(profile), content_key)
    return sorted((version for version in found if version.run_id in runs), key=lambda found: int(found.version))


def _profile_runs(profile: str) -> str:
    return f"tags.kind = '{PROFILE_RUN}' and tags.profile = '{profile}'"


def _children(run: Run) -> str:
    return f"tags.`{PARENT_TAG}` = '{run.info.run_id}'"


def _found(store: Store, experiment: str, profile: str, content_key: str) -> Published:
    versions = _versions(store, experiment, profile, content_key)
    if not versions:
        raise UserError(f"somebody has removed what was published of profile {profile!r} just now; publish again")
    version = versions[0]
    run = store.client.get_run(version.run_id)
    return Published(
        experiment_id=experiment,
        run_id=run.info.run_id,
        model=version.name,
        version=str(version.version),
        alias=ALIAS if passed(version) else "",
        gate=version.tags["gate"],
        programs=len(store.runs(experiment, _children(run))),
        url=page("", experiment, f"/runs/{run.info.run_id}").lstrip("/"),
    )


def _write(store: Store, experiment: str, config: Config, paths: Paths, lineage: Lineage, files: list[Path]) -> Run:
    """Writes the profile's run, its programs' runs and, last, the registered version.

    Returns:
        The run, without a version if another publisher of the same content was quicker and removed the run.
    """
    specification = paths.data / SURROGATE_FILE
    validation = read_validation(config, paths, read_specification(specification))
    programs = logged_programs(paths)
    log = read_log(store.root / config.explainer.call_log)
    calls = {call.key: call for call in log if call.status == "answered"}
    tags = profile_tags(config, paths, lineage, validation)
    shared = lineage.tags() | {key: tags[key] for key in ("profile", "model", "weights_sha256")}
    run = store.client.create_run(experiment, tags=tags, run_name=f"{config.profile} {lineage.content_key[:8]}")
    try:
        if config.explainer.mode != "off":
            register_prompts()
        fill_profile_run(store, run, config, paths, lineage, files)
        for program, rows in progress(programs, "MLflow", unit="runs"):
            log_program(store, run, shared, program, rows, calls_of(program, calls))
        register(store, run, lineage, specification, validation)
    except BaseException as error:
        if isinstance(error, MlflowException) and _versions(store, experiment, config.profile, lineage.content_key):
            return run
        with contextlib.suppress(MlflowException):  # a run that is killed, or whose server is gone, stays unfinished
            store.client.set_terminated(run.info.run_id, "FAILED")
        raise
    return run


def _tidy(store: Store, experiment: str, profile: str, content_key: str) -> None:
    """Completes what was published but not marked as finished, and removes what was begun in vain.

    A finished run of the content is removed, too, if its version was deleted.
    """
    for run in store.runs(experiment, _profile_runs(profile)):
        key, finished = run.data.tags["content_key"], run.info.status == "FINISHED"
        if finished and key != content_key:
            continue
        versions = _versions(store, experiment, profile, key)
        if versions and versions[0].run_id == run.info.run_id:
            if not finished:
                give_alias(store, versions[0])
                store.client.set_terminated(run.info.run_id)
        elif versions or not _at_work(store, run):
            remove(store, run)


def _at_work(store: Store, run: Run) -> bool:
    """Whether an unfinished run may belong to a publisher that is at work."""
    hours = (time.time() - run.info.start_time / 1000) / 3600
    return not store.exclusive and run.info.status == "RUNNING" and hours < LONGEST_HOURS


def remove(store: Store, profile_run: Run) -> None:
    """Removes what was published with a run; the run last, so that the next publisher finishes a killed removal."""
    client, experiment = store.client, profile_run.info.experiment_id
    profile, key = profile_run.data.tags["profile"], profile_run.data.tags["content_key"]
    for version in versions_of(store, registered_name(profile), key):
        if version.run_id == profile_run.info.run_id:
            with _may_be_gone():
                client.delete_model_version(version.name, version.version)
    for model in client.search_logged_models([experiment], f"source_run_id = '{profile_run.info.run_id}'"):
        with _may_be_gone():
            client.delete_logged_model(model.model_id)
        store.remove_files(model.artifact_location)
    for run in [*store.runs(experiment, _children(profile_run)), profile_run]:
        with _may_be_gone():
            client.delete_run(run.info.run_id)
        store.remove_files(run.info.artifact_uri)


@contextlib.contextmanager
def _may_be_gone() -> Iterator[None]:
    """Two publishers may remove the same attempt."""
    try:
        yield
    except MlflowException as error:
        if error.error_code not in GONE:
            raise
