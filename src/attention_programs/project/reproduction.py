"""Running a profile end to end: composing its settings, running DVC, and keeping the lock file with the results."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from attention_programs import __version__
from attention_programs.config import load_config
from attention_programs.errors import UserError
from attention_programs.files import read_yaml, replacing, sha256_file, sha256_text, write_text
from attention_programs.offline import QUIET
from attention_programs.paths import Paths
from attention_programs.renamed import current_params
from attention_programs.tasks import CLUSTER

PACKAGE = Path(__file__).parents[1]
SHIPPED = PACKAGE / "shipped"
"""The contents of new project folders; in a checkout, links to the originals."""
VERSION_FILE = "attention_programs.version"
"""File that a project's stages depend on instead of the package's code."""
CODE = (".py", ".j2", ".css", ".js")


def has_code(root: Path) -> bool:
    """Whether a project is a checkout of this repository, whose stages run its own code."""
    return (root / "src" / "attention_programs").is_dir()


def record_package(root: Path) -> None:
    """Records the code and packages that a project runs on; in a checkout, git already does."""
    if has_code(root):
        return
    code = sorted(path for path in PACKAGE.rglob("*") if path.suffix in CODE and SHIPPED not in path.parents)
    hashes = [f"{path.relative_to(PACKAGE).as_posix()} {sha256_file(path)}" for path in code]
    write_text(root / VERSION_FILE, f"attention-programs {__version__}\ncode {sha256_text(' '.join(hashes))}\n")
    packages = {f"{found.name}=={found.version}" for found in metadata.distributions()}
    write_text(root / "requirements.lock", "".join(f"{name}\n" for name in sorted(packages, key=str.lower)))


def profiles(root: Path) -> list[str]:
    """Names of the profiles in ``conf/profile``."""
    return sorted(path.stem for path in (root / "conf" / "profile").glob("*.yaml"))


def compose(profile: str, target: Path, root: Path) -> None:
    """Writes a profile's settings to ``target``, as ``dvc exp run -S profile=NAME`` would.

    Raises:
        UserError: if there is no such profile.
    """
    if profile not in profiles(root):
        raise UserError(f"there is no profile {profile!r}; conf/profile has {', '.join(profiles(root))}")
    from dvc.exceptions import DvcException
    from dvc.utils.hydra import compose_and_dump

    plugins = str(root / ".dvc" / "tmp" / "plugins")
    with replacing(target) as unfinished, tempfile.TemporaryDirectory() as folder:
        composed = Path(folder) / "params.yaml"  # the suffix determines the format
        conf, given = shutil.copytree(root / "conf", Path(folder) / "conf"), root / "conf/profile" / f"{profile}.yaml"
        values = current_params(read_yaml(given) or {}, str(given))
        write_text(conf / "profile" / given.name, f"# @package _global_\n{json.dumps(values)}\n")  # JSON is YAML, too
        try:
            compose_and_dump(str(composed), str(conf), None, "config", plugins, [f"profile={profile}"])
        except (DvcException, ValueError) as error:
            reason = " ".join(str(error.__cause__ or error).split())
            raise UserError(f"cannot compose profile {profile!r}: {reason}; correct the files in conf") from error
        shutil.copyfile(composed, unfinished)


def configure(profile: str, root: Path) -> Paths:
    """Switches to a profile: writes ``params.yaml`` and restores the profile's lock file, if there is one."""
    compose(profile, root / "params.yaml", root)
    paths = Paths.of(load_config(root / "params.yaml"), root)
    kept = paths.results / "dvc.lock"
    if kept.is_file():
        shutil.copyfile(kept, root / "dvc.lock")
    return paths


@contextlib.contextmanager
def restored(root: Path, after_success: bool = True) -> Iterator[None]:
    """Restores ``params.yaml`` and ``dvc.lock`` afterwards.

    Args:
        root: The project's folder.
        after_success: Whether to restore them if nothing was raised, too.
    """
    files = [root / "params.yaml", root / "dvc.lock"]
    before = {file: file.read_bytes() for file in files if file.is_file()}
    succeeded = False
    try:
        yield
        succeeded = True
    finally:
        for file in files if after_success or not succeeded else ():
            if file in before:
                file.write_bytes(before[file])
            else:
                file.unlink(missing_ok=True)


def environment(root: Path) -> dict[str, str]:
    """The environment of stages: this Python first on the path, the checkout's code if it has any, no telemetry."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    code = {"PYTHONPATH": str(root / "src")} if has_code(root) else {}
    return {**os.environ, **QUIET, "PATH": path, **code}


def run_stages(root: Path, arguments: list[str], cluster: str = "") -> None:
    """Runs ``dvc repro``.

    Args:
        root: The project's folder.
        arguments: DVC's.
        cluster: Where stages run their tasks (:mod:`~attention_programs.tasks`); empty for what the environment says.

    Raises:
        UserError: if a stage fails; its own message was printed before.
    """
    record_package(root)
    command = [sys.executable, "-m", "dvc", "repro", *arguments]
    where = {CLUSTER: cluster} if cluster else {}
    if subprocess.run(command, cwd=root, env=environment(root) | where, check=False).returncode:
        raise UserError("a stage failed, see above; fix it and rerun the same command: finished stages are kept")


def repro(root: Path, arguments: list[str], cluster: str = "") -> None:
    """Runs ``dvc repro``, see :func:`run_stages`, and keeps a copy of the lock file next to the profile's results.

    Raises:
        UserError: if a stage fails; its own message was printed before.
    """
    run_stages(root, arguments, cluster)
    paths = Paths.of(load_config(root / "params.yaml"), root)
    shutil.copyfile(root / "dvc.lock", paths.results / "dvc.lock")
