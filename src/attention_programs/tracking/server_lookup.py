"""Looking up a registered surrogate at a tracking server."""

import os
import tempfile
from pathlib import Path

import mlflow.artifacts
from mlflow.entities.model_registry import ModelVersion, RegisteredModel

from attention_programs.errors import UserError
from attention_programs.surrogate.specification import read_specification
from attention_programs.tracking.lineage import SURROGATE_FILE, dvc_hash
from attention_programs.tracking.lookup import PREFIX, Reference, SurrogateInfo, Versions, require_registered
from attention_programs.tracking.mlflow_store import open_store
from attention_programs.tracking.model_registry import versions_of
from attention_programs.tracking.store import Store, all_pages

CACHE = ".cache/surrogates"
"""Where files of registered surrogates are kept, relative to the project."""


def info_from_server(wanted: Reference, root: Path) -> SurrogateInfo:
    """What is known about a registered surrogate; its file is copied into the project's cache.

    Args:
        wanted: The surrogate's version.
        root: The project's folder.

    Raises:
        UserError: if nothing is published under that name, the file is not the one that was published, or the tracking
            server can't be reached, rejects the user or fails.
    """
    with open_store(root) as store:
        client, condition = store.client, f"name LIKE '{PREFIX}%'"
        models: list[RegisteredModel] = all_pages(
            lambda token: client.search_registered_models(condition, page_token=token)
        )
        require_registered(wanted.name, sorted(model.name for model in models))
        found = {int(version.version): version for version in versions_of(store, wanted.name)}
        aliases = {alias: int(number) for alias, number in client.get_registered_model(wanted.name).aliases.items()}
        versions = Versions(wanted.name, tuple(sorted(found)), dict(sorted(aliases.items())))
        number = versions.chosen(wanted)
        version = found[number]
        path = _fetched(store, version, root)
    specification = read_specification(path)
    return SurrogateInfo(
        name=wanted.name,
        version=str(number),
        aliases=versions.aliases_of(number),
        tags=dict(version.tags),
        description=version.description or "",
        created=version.creation_timestamp / 1000,
        run_id=version.run_id,
        assignment={head: specification.programs[program] for head, program in specification.heads.items()},
        specification=path,
    )


def _fetched(store: Store, version: ModelVersion, root: Path) -> Path:
    """A version's file in the cache, fetched again each time: it is small, and a server may have been set up anew."""
    target = root / CACHE / version.name / str(version.version) / SURROGATE_FILE
    target.parent.mkdir(parents=True, exist_ok=True)
    uri = f"{store.client.get_model_version_download_uri(version.name, version.version)}/artifacts/{SURROGATE_FILE}"
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        new = Path(mlflow.artifacts.download_artifacts(uri, dst_path=folder))
        recorded = version.tags.get(f"dvc/data/{version.tags.get('profile')}/{SURROGATE_FILE}", "")
        if dvc_hash(new) != recorded:
            raise UserError(
                f"{uri} of {version.name} version {version.version} is not the file that was published (MD5 "
                f"{dvc_hash(new)}, recorded {recorded or 'none'}); choose another version, or publish again"
            )
        os.replace(new, target)
    return target
