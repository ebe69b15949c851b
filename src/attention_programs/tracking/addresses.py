"""Artifact addresses relative to the repository, so that the store can be moved or copied.

MLflow records the address of every artifact folder in its database. An absolute path would break on the first move;
``repo:/mlruns/artifacts/...`` is resolved against the reader's repository.
"""

import os
from pathlib import Path
from urllib.parse import urlsplit

from attention_programs.errors import UserError
from attention_programs.paths import project_root

ROOT_VARIABLE = "ATTENTION_PROGRAMS_ROOT"
"""Environment variable with the repository's folder, for readers working elsewhere."""
SCHEME = "repo"
ARTIFACTS = "mlruns/artifacts"
"""The only folder for artifacts, relative to the repository."""


def current_root() -> Path:
    """The repository that addresses are resolved against: from the environment variable, else the current one.

    Raises:
        UserError: if the variable is not a folder, or there is neither variable nor repository.
    """
    named = os.environ.get(ROOT_VARIABLE)
    if named is None:
        try:
            return project_root(Path.cwd())
        except UserError as error:
            raise UserError(f"{error}, or set {ROOT_VARIABLE} to it") from error
    if not Path(named).is_dir():
        raise UserError(f"{ROOT_VARIABLE} is {named!r}, which is not a folder; set it to the repository's folder")
    return Path(named).absolute()


def artifact_uri(*parts: str) -> str:
    """The address of a folder of artifacts.

    >>> artifact_uri("smollm2-135m")
    'repo:/mlruns/artifacts/smollm2-135m'
    """
    return f"{SCHEME}:/{'/'.join((ARTIFACTS, *parts))}"


def resolve(uri: str, root: Path) -> Path:
    """The folder that an address refers to.

    Args:
        uri: ``repo:/mlruns/artifacts/...``.
        root: The repository's folder.

    Raises:
        UserError: if the address is malformed or leaves the store through ``..`` or a link.
    """
    parts = urlsplit(uri)
    if parts.scheme != SCHEME or parts.netloc or parts.query or parts.fragment or not parts.path.startswith("/"):
        raise UserError(f"artifact address {uri!r} does not have the form {artifact_uri('...')}; publish again")
    store = (root / ARTIFACTS).resolve()
    folder = (root / parts.path.lstrip("/")).resolve()
    if store not in folder.parents:
        raise UserError(f"artifact address {uri!r} leaves {ARTIFACTS} of the repository; refusing to follow it")
    return folder
