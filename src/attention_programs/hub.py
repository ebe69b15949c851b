"""The model hub: which commit a repository is at, and what the errors of its client mean."""

import re
from collections.abc import Iterator
from typing import Any

from attention_programs.errors import UserError

COMMIT = re.compile(r"[0-9a-f]{40}")
"""A full commit hash."""
SECONDS = 20
"""Longest wait for the answer to a question about a repository."""


def commit_of(location: str, revision: str = "") -> str:
    """The commit that a revision of a model repository is at.

    Args:
        location: The repository's id.
        revision: A commit, branch or tag; the default branch if empty.

    Raises:
        UserError: if the hub has no such repository or revision, or can't be reached.
    """
    try:
        return str(_info(location, revision).sha)
    except UserError as error:
        raise UserError(f"{error}; or give the path of a local folder or GGUF file") from error


def size_of(location: str, revision: str) -> int:
    """Bytes of a model repository's weights: its safetensors files, as the hub lists them; 0 if it has none.

    Raises:
        UserError: if the hub has no such repository or revision, or can't be reached.
    """
    files = _info(location, revision, files_metadata=True).siblings or []
    return sum(file.size or 0 for file in files if file.rfilename.endswith(".safetensors"))


def require_access(location: str, revision: str, remedy: str) -> None:
    """Checks that a model can be had, which the client would find out only after half a minute of retries.

    Args:
        location: The repository's id.
        revision: A commit.
        remedy: What to do if it can't; ends the message.

    Raises:
        UserError: if it is not in the client's cache, and the hub has no such model or can't be reached.
    """
    from huggingface_hub import try_to_load_from_cache

    if isinstance(try_to_load_from_cache(location, "config.json", revision=revision), str):
        return
    try:
        _info(location, revision)
    except UserError as error:
        raise UserError(f"{error}; {remedy}") from error


def _info(location: str, revision: str, **options: Any) -> Any:
    from huggingface_hub import HfApi

    try:
        return HfApi().model_info(location, revision=revision or None, timeout=SECONDS, **options)
    except Exception as error:  # the client raises many types
        raise UserError(f"cannot load {location!r} ({explained(error, location)})") from error


def explained(error: BaseException, page: str) -> str:
    """What an error means for someone who wants a repository, with the remedy, in one line.

    Args:
        error: An error of the hub's client, or one that another library raised because of it.
        page: The repository's page on the hub: a model's id, or a data set's behind ``datasets/``.
    """
    from huggingface_hub import constants, errors

    causes = list(_causes(error))
    kinds = {kind for cause in causes for kind in type(cause).__mro__}
    missing = [str(cause) for cause in causes if type(cause).__name__ == "DatasetNotFoundError"]  # of ``datasets``
    if errors.GatedRepoError in kinds or any("gated" in message for message in missing):
        return (
            f"the repository is gated: accept its licence at {constants.ENDPOINT}/{page}, and set HF_TOKEN to a "
            "token of yours"
        )
    if errors.RevisionNotFoundError in kinds:
        return "the repository has no such revision; correct it"
    if errors.RepositoryNotFoundError in kinds or missing:
        return f"{constants.ENDPOINT} has no such repository; correct the id, or set HF_TOKEN if it is private"
    if errors.HFValidationError in kinds:
        return "this is no id of a repository, such as openai-community/gpt2, and there is no such folder or file"
    unreachable = {errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled, ConnectionError, TimeoutError}
    if kinds & unreachable or any(kind.__name__ in ("TransportError", "HTTPError") for kind in kinds):
        return f"{constants.ENDPOINT} can't be reached, or broke off"
    return (str(error).splitlines() or [type(error).__name__])[0]


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
