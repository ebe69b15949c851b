"""Running a profile as a whole: settings composed, stages run by DVC, the lock file kept beside the results."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from attention_programs.config import Paths, load_config
from attention_programs.errors import UserError
from attention_programs.files import replacing

QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "DVC_NO_ANALYTICS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
}
"""Keeps every tool from calling out."""


def profiles(root: Path) -> list[str]:
    """Names of the profiles that ``conf/profile`` holds."""
    return sorted(path.stem for path in (root / "conf" / "profile").glob("*.yaml"))


def compose(profile: str, target: Path, root: Path) -> None:
    """Writes the settings of a profile to ``target``, just as ``dvc exp run -S profile=NAME`` does.

    Raises:
        UserError: if there is no such profile.
    """
    if profile not in profiles(root):
        raise UserError(f"there is no profile {profile!r}; conf/profile holds {', '.join(profiles(root))}")
    from dvc.utils.hydra import compose_and_dump

    with replacing(target) as beside:
        plugins = str(root / ".dvc" / "tmp" / "plugins")
        beside = beside.with_suffix(".yaml")  # noqa: PLW2901 - the dumper goes by the suffix
        compose_and_dump(str(beside), str(root / "conf"), None, "config", plugins, [f"profile={profile}"])
        beside.replace(target.with_name(f".{target.name}.part"))


def configure(profile: str, root: Path) -> Paths:
    """Makes a profile the current one: writes ``params.yaml`` and brings back its lock file, if there is one."""
    compose(profile, root / "params.yaml", root)
    paths = Paths.of(load_config(root / "params.yaml"), root)
    kept = paths.results / "dvc.lock"
    if kept.is_file():
        shutil.copyfile(kept, root / "dvc.lock")
    return paths


@contextlib.contextmanager
def restored(root: Path) -> Iterator[None]:
    """Puts ``params.yaml`` and ``dvc.lock`` back as they were, whatever happens."""
    before = {name: (root / name).read_bytes() for name in ("params.yaml", "dvc.lock") if (root / name).is_file()}
    try:
        yield
    finally:
        for name, content in before.items():
            (root / name).write_bytes(content)


def environment(root: Path) -> dict[str, str]:
    """The environment of stages: this Python first on the path, this checkout's code, no telemetry."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return {**os.environ, **QUIET, "PATH": path, "PYTHONPATH": str(root / "src")}


def repro(root: Path, arguments: list[str]) -> None:
    """Runs ``dvc repro`` and keeps a copy of the lock file beside the profile's results.

    Raises:
        UserError: if a stage fails; its own message stands above.
    """
    command = [sys.executable, "-m", "dvc", "repro", *arguments]
    if subprocess.run(command, cwd=root, env=environment(root), check=False).returncode:
        raise UserError("a stage failed, see above; mend it and run the same command again: finished stages are kept")
    paths = Paths.of(load_config(root / "params.yaml"), root)
    shutil.copyfile(root / "dvc.lock", paths.results / "dvc.lock")
