"""What a profile's results were made from: hashes recorded by DVC, params, commit, lock file.

Nothing is published without that origin: a file that differs from ``dvc.lock``, or a setting that differs from the
one a stage ran with, is an error.
"""

import hashlib
import json
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from attention_programs.config import Config, load_config
from attention_programs.errors import UserError
from attention_programs.files import read_yaml, sha256_file, sha256_text
from attention_programs.paths import Paths

PARAMS_FILE = "params.yaml"
DVC_LOCK = "dvc.lock"
PIPELINE = "dvc.yaml"
REQUIREMENTS = "requirements.lock"
SURROGATE_FILE = "surrogate.json"
REPEAT = "run `dvc repro`, then publish again"
_MISSING = object()


@dataclass(frozen=True)
class Lineage:
    """The provenance of a profile's results."""

    content_key: str
    """SHA-256 of the outputs' hashes and the params: equal content is published only once."""
    outputs: dict[str, str]
    """DVC's hash of every stage output of the profile, by path relative to the repository."""
    git_commit: str
    """The commit checked out when it was published; ``none`` outside git."""
    git_changes: bool
    """Whether tracked files differed from that commit."""
    requirements_sha256: str
    """Hash of the lock file of the Python packages."""

    def output_of(self, path: str) -> str:
        """The output that a file belongs to.

        Raises:
            UserError: if no stage makes it.
        """
        for output in self.outputs:
            if path == output or path.startswith(output + "/"):
                return output
        raise UserError(f"{path} is not an output in {DVC_LOCK}; {REPEAT}")

    def tags(self) -> dict[str, str]:
        """The provenance as tags of a run or a model version."""
        return {
            "content_key": self.content_key,
            "git_commit": self.git_commit,
            "git_changes": str(self.git_changes).lower(),
            "requirements_sha256": self.requirements_sha256,
            **{f"dvc/{path}": value for path, value in self.outputs.items()},
        }


def read_lineage(config: Config, paths: Paths, root: Path) -> Lineage:
    """Reads where a profile's results come from, and checks that every stage ran with the current settings and inputs.

    Raises:
        UserError: if ``dvc.lock`` has no outputs of the profile, or a setting or a stage's input has changed since that
            stage ran.
    """
    if load_config(root / PARAMS_FILE) != config:
        raise UserError(f"the settings in {root / PARAMS_FILE} are not the ones to be published; publish those")
    homes = [place_of(folder, root) for folder in (paths.model, paths.data, paths.results, paths.report)]
    stages = {name: stage for name, stage in _stages(root).items() if _outputs(stage, homes)}
    outputs = {path: md5 for stage in stages.values() for path, md5 in _outputs(stage, homes).items()}
    for name, stage in stages.items():
        _check_params(name, stage, root)
        _check_inputs(name, stage, outputs)
    if not any(_within(path, [home for home in homes if not home.startswith("models/")]) for path in outputs):
        raise UserError(f"{root / DVC_LOCK} has no outputs of profile {config.profile!r}; {REPEAT}")
    commit = _git(root, "rev-parse", "HEAD")
    return Lineage(
        content_key=content_key(outputs, asdict(config)),
        outputs=dict(sorted(outputs.items())),
        git_commit=commit or "none",
        git_changes=bool(_git(root, "status", "--porcelain", "--untracked-files=no")),
        requirements_sha256=sha256_file(existing(root / REQUIREMENTS, "restore it from git")),
    )


def content_key(outputs: Mapping[str, str], params: Mapping[str, Any]) -> str:
    """SHA-256 of the outputs' hashes and the params."""
    return sha256_text(json.dumps({"outputs": outputs, "params": params}, sort_keys=True))


def published_files(paths: Paths) -> list[Path]:
    """The stage outputs that are published.

    Raises:
        UserError: if a file that every profile has is missing.
    """
    fixed = [
        paths.texts,
        paths.programs,
        paths.data / SURROGATE_FILE,
        *(paths.results / name for name in ("gate.json", "heads.csv", "perplexity.csv", "qa.csv", "summary.json")),
        paths.report / "report.html",
    ]
    found = [*paths.results.glob("*.csv"), *paths.report.rglob("*.png")]
    return sorted({existing(path) for path in fixed} | set(found))


def check_files(lineage: Lineage, files: list[Path], root: Path) -> None:
    """Checks that files are unchanged since the stages wrote them.

    Raises:
        UserError: if one has changed; the first is named.
    """
    for output in sorted({lineage.output_of(place_of(file, root)) for file in files}):
        if dvc_hash(root / output) != lineage.outputs[output]:
            raise UserError(f"{output} does not match {DVC_LOCK} (one of them was changed); {REPEAT}")


def dvc_hash(path: Path) -> str:
    """DVC's hash of a file or folder; compiled Python is ignored, as ``.dvcignore`` says."""
    if path.is_file():
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "md5").hexdigest()
    files = [file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts]
    return folder_hash({file.relative_to(path).as_posix(): dvc_hash(file) for file in files})


def folder_hash(files: Mapping[str, str]) -> str:
    """DVC's hash of a folder: the MD5 of the list of its files' MD5s, by path from the folder, plus ``.dir``."""
    listing = json.dumps([{"md5": files[name], "relpath": name} for name in sorted(files)], sort_keys=True)
    return hashlib.md5(listing.encode(), usedforsecurity=False).hexdigest() + ".dir"


def place_of(path: Path, root: Path) -> str:
    """A path relative to the repository, as DVC writes it; folders in the repository may be links to elsewhere.

    Raises:
        UserError: if the path is not in the repository.
    """
    path = path.absolute()
    for folder in path.parents:
        if folder.resolve() == root.resolve():
            return path.relative_to(folder).as_posix()
    raise UserError(f"{path} is not in the repository {root}; publish from the project's folder")


def existing(path: Path, remedy: str = REPEAT) -> Path:
    """Checks that a file exists, and returns its path.

    Raises:
        UserError: if it does not exist.
    """
    if not path.is_file():
        raise UserError(f"{path} does not exist; {remedy}")
    return path


def _stages(root: Path) -> dict[str, Any]:
    """What ``dvc.lock`` records of the stages that ``dvc.yaml`` names; DVC keeps entries of stages that are gone."""
    path, pipeline = root / DVC_LOCK, read_yaml(root / PIPELINE)
    lock = read_yaml(path)
    if not isinstance(lock, dict) or not isinstance(lock.get("stages"), dict):
        raise UserError(f"{path} has no stages; {REPEAT}")
    return {name: stage for name, stage in lock["stages"].items() if name in pipeline["stages"]}


def _outputs(stage: dict[str, Any], homes: list[str]) -> dict[str, str]:
    return {out["path"]: out["md5"] for out in stage.get("outs", []) if _within(out["path"], homes)}


def _within(path: str, homes: list[str]) -> bool:
    return any(path == home or path.startswith(home + "/") for home in homes)


def _check_params(name: str, stage: dict[str, Any], root: Path) -> None:
    for file, settings in stage.get("params", {}).items():
        now = read_yaml(root / file)
        for key, value in settings.items():
            found = now
            for part in key.split("."):
                found = found.get(part, _MISSING) if isinstance(found, dict) else _MISSING
            if found != value:
                raise UserError(f"{root / file}: {key} has changed since stage {name!r} ran; {REPEAT}")


def _check_inputs(name: str, stage: dict[str, Any], outputs: dict[str, str]) -> None:
    for dep in stage.get("deps", ()):
        if outputs.get(dep["path"], dep["md5"]) != dep["md5"]:
            raise UserError(f"{dep['path']} has changed since stage {name!r} read it; {REPEAT}")


def _git(root: Path, *arguments: str) -> str:
    try:
        command = ["git", "-C", str(root), *arguments]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return run.stdout.strip() if run.returncode == 0 else ""


def flattened(values: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Dotted names and values of nested settings as text; list items are numbered unless all are plain values.

    >>> dict(flattened({"model": {"name": "m"}, "percents": (0, 25)}))
    {'model.name': 'm', 'percents': '0, 25'}
    """
    if isinstance(values, list | tuple):
        if not any(isinstance(item, dict | list | tuple) for item in values):
            yield prefix, ", ".join(map(str, values))
            return
        values = dict(enumerate(values))
    if isinstance(values, dict):
        for key, inner in values.items():
            yield from flattened(inner, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, str(values)
