"""What DVC recorded: which stage wrote a file, from which files, with which settings and code."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attention_programs.config import load_config
from attention_programs.errors import UserError
from attention_programs.files import read_yaml
from attention_programs.tracking.lineage import DVC_LOCK, PARAMS_FILE

COMPARISON = "comparison"
"""The folder of the pipeline that puts models side by side; it has its own lock file."""
OF_A_PROFILE = ("data", "results", "reports")
"""Folders with one folder for each profile."""


@dataclass(frozen=True)
class Stage:
    """A stage as it ran."""

    name: str
    command: str
    settings: Mapping[str, Mapping[str, Any]]
    """Values by dotted key, by the file that they were read from."""
    inputs: Mapping[str, str]
    """DVC's hash of everything that it read, by path from the project's folder."""
    outputs: Mapping[str, str]


@dataclass(frozen=True)
class LockFile:
    """A lock file of DVC."""

    place: str
    """Its path from the project's folder."""
    profile: str
    """The profile that its stages ran with; empty for the comparison of models."""
    stages: Mapping[str, Stage]

    def writer_of(self, path: str) -> Stage | None:
        """The stage that wrote a file, or the folder that the file is in."""
        for stage in self.stages.values():
            if any(path == output or path.startswith(f"{output}/") for output in stage.outputs):
                return stage
        return None


def read_lock_file(file: Path, place: str, profile: str, pipeline: Path) -> LockFile:
    """Reads a lock file; stages that the pipeline no longer has are left out, as DVC never removes them.

    Args:
        file: The lock file.
        place: Its path from the project's folder.
        profile: The profile that its stages ran with; empty for the comparison of models.
        pipeline: The ``dvc.yaml`` that it belongs to; if there is none, all stages are kept.

    Raises:
        UserError: if it is missing, or not a lock file.
    """
    values = read_yaml(file)
    stages = values.get("stages") if isinstance(values, dict) else None
    if not isinstance(stages, dict):
        raise UserError(f"{file} is not a lock file of DVC; run `dvc repro`")
    known = read_yaml(pipeline)["stages"] if pipeline.is_file() else stages
    try:
        kept = {name: _stage(name, entry) for name, entry in stages.items() if name.split("@")[0] in known}
        return LockFile(place, profile, kept)
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{file} is damaged ({error}); restore it from git, or run `dvc repro`") from error


def _stage(name: str, entry: Mapping[str, Any]) -> Stage:
    return Stage(
        name=name,
        command=entry["cmd"],
        settings={_from_the_root(file): dict(values) for file, values in entry.get("params", {}).items()},
        inputs=dict(_hashes(entry.get("deps", ()))),
        outputs=dict(_hashes(entry.get("outs", ()))),
    )


def _hashes(entries: Any) -> Iterator[tuple[str, str]]:
    for entry in entries:
        yield _from_the_root(entry["path"]), entry["md5"]


def _from_the_root(path: str) -> str:
    """The comparison's pipeline runs in the folder above its own, where its paths start, too."""
    return path.removeprefix("../")


def profile_of(path: str) -> str:
    """The profile that a file belongs to; empty if to none.

    >>> profile_of("results/smoke/heads.csv"), profile_of("reports/smoke"), profile_of("results/models.csv")
    ('smoke', 'smoke', '')
    """
    folder, _, rest = path.partition("/")
    profile, _, file = rest.partition("/")
    inside = bool(file) or folder == "reports"  # which is one output as a whole
    return profile if folder in OF_A_PROFILE and inside and profile != "models" else ""


def lock_file_of(profile: str, root: Path) -> LockFile:
    """The lock file of a profile: the project's if the current settings are the profile's, else that kept with results.

    Raises:
        UserError: if the profile has none; the message lists those that have one.
    """
    current = load_config(root / PARAMS_FILE).profile == profile
    place = DVC_LOCK if current and (root / DVC_LOCK).is_file() else f"results/{profile}/{DVC_LOCK}"
    if not (root / place).is_file():
        known = sorted(path.parent.name for path in (root / "results").glob(f"*/{DVC_LOCK}"))
        raise UserError(
            f"{root / place} does not exist, so nothing is recorded of profile {profile!r}; run it, or choose from "
            f"{', '.join(known) or 'none so far'}"
        )
    return read_lock_file(root / place, place, profile, root / "dvc.yaml")


def lock_file_of_comparison(root: Path) -> LockFile:
    """The lock file of the comparison of models.

    Raises:
        UserError: if there is none.
    """
    place = f"{COMPARISON}/{DVC_LOCK}"
    return read_lock_file(root / place, place, "", root / COMPARISON / "dvc.yaml")
