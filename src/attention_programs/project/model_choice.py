"""The model that a user names on the command line: its file in ``conf/model``, a path, or an id on the hub."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attention_programs.errors import UserError
from attention_programs.files import read_yaml
from attention_programs.hub import COMMIT, commit_of
from attention_programs.project.choices import find_or_write, safe_name

TEMPLATES = ("folder", "gguf")
"""Files in ``conf/model`` that name no model until a path is added."""
_HEAD = "# Written by `attention-programs reproduce --model`.\n"


@dataclass(frozen=True)
class ModelChoice:
    """A model with settings in ``conf/model``."""

    name: str
    """The name of its file there, and of its folder in ``models``."""
    shipped: bool
    """Whether it was named as this file; otherwise by its path or id."""


def choose_model(wanted: str, root: Path, here: Path) -> ModelChoice:
    """Finds the settings of a model, or writes them.

    A name in ``conf/model`` comes before a path, and a path before an id on the hub; ``./NAME`` is always a path. An id
    without a revision means the commit that was written down first, whatever the default branch is at by now.

    Args:
        wanted: A name in ``conf/model``; the path of a folder of transformers or of a GGUF file; or an id on the hub,
            with ``@`` and a commit, branch or tag if it is not to be the default branch.
        root: The project's folder.
        here: The folder that a relative path starts from.

    Raises:
        UserError: if it is none of these.
    """
    known = _known(root)
    if wanted in known:
        return ModelChoice(wanted, shipped=True)
    path = here / Path(wanted).expanduser()
    if path.exists():
        return _write(root, path.resolve().stem if path.is_file() else path.resolve().name, _local(path.resolve()))
    if wanted.startswith((".", "/", "~")) or wanted.endswith(".gguf"):
        raise UserError(f"there is no model {wanted!r}; correct the path")
    if "/" not in wanted:
        raise UserError(
            f"there is no model {wanted!r}; name one of conf/model ({', '.join(known)}), a folder, a GGUF file, or an "
            "id on the hub (owner/name)"
        )
    location, _, revision = wanted.partition("@")
    if not revision:
        for name, settings in known.items():
            if settings.get("source") == "hub" and settings.get("location") == location:
                return ModelChoice(name, shipped=False)
    commit = revision if COMMIT.fullmatch(revision) else commit_of(location, revision)
    return _write(root, location.rsplit("/", 1)[-1], {"source": "hub", "location": location, "revision": commit})


def _known(root: Path) -> dict[str, Mapping[str, Any]]:
    """The settings of the models in ``conf/model``, by name."""
    files = sorted((root / "conf" / "model").glob("*.yaml"))
    return {file.stem: read_yaml(file) for file in files if file.stem not in TEMPLATES}


def _local(path: Path) -> dict[str, str]:
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise UserError(f"{path} has no config.json; give a folder that transformers' save_pretrained wrote")
        return {"source": "folder", "location": str(path), "watched": str(path)}
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise UserError(f"{path} is not a GGUF file; give one, or a folder of transformers")
    return {"source": "gguf", "location": str(path), "watched": str(path)}


def _write(root: Path, wanted: str, settings: Mapping[str, str]) -> ModelChoice:
    def content(name: str) -> dict[str, str]:
        return {"name": name, "watched": f"conf/model/{name}.yaml", **settings}

    def taken(name: str) -> bool:
        return name in TEMPLATES or (root / "models" / name).exists()

    return ModelChoice(find_or_write(root, "model", safe_name(wanted), content, taken, _HEAD), shipped=False)
