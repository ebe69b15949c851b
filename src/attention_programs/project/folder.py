"""Creating a project folder from the files shipped in the package."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from attention_programs.errors import UserError
from attention_programs.files import read_text, write_text
from attention_programs.project.reproduction import SHIPPED, VERSION_FILE, compose, record_package

PLACES = {
    "dvc-config": ".dvc/config",
    "dvc-gitignore": ".dvc/.gitignore",
    "dvcignore": ".dvcignore",
    "gitignore": ".gitignore",
    "mlruns.md": "mlruns/README.md",
    "stages.yaml": "dvc.yaml",
}
"""Places in a project of files that have other names in the package, where git and DVC must ignore them."""
NOT_COPIED = ("__pycache__", "imported", "dvc.lock")
"""What a checkout's own runs leave among the shipped files."""


def make_project(directory: Path) -> None:
    """Creates a project folder with the default profile, atomically, and initialises git and DVC in it.

    Raises:
        UserError: if the folder is not empty or can't be created, or git can't be run.
    """
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise UserError(f"{directory} is not an empty folder; choose one that is empty or does not exist yet")
    directory = directory.absolute()
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=directory.parent) as scratch:
            folder = Path(scratch)
            _fill(folder)
            directory.mkdir(exist_ok=True)
            for path in list(folder.iterdir()):
                path.rename(directory / path.name)
    except (OSError, subprocess.CalledProcessError) as error:
        raise UserError(
            f"cannot create {directory}: {error}; free disk space, change permissions, or install git"
        ) from error


def _fill(folder: Path) -> None:
    shutil.copytree(SHIPPED, folder, ignore=shutil.ignore_patterns(*NOT_COPIED), dirs_exist_ok=True)
    for name, place in PLACES.items():
        (folder / place).parent.mkdir(exist_ok=True)
        (folder / name).rename(folder / place)
    for stages in (folder / "dvc.yaml", folder / "comparison" / "dvc.yaml"):
        write_text(stages, _without_code(read_text(stages)))
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True, capture_output=True)
    compose("full", folder / "params.yaml", folder)
    record_package(folder)


def _without_code(stages: str) -> str:
    r"""``dvc.yaml`` with stages that depend on the installed package instead of files below ``src``.

    >>> _without_code("deps:\n      - pipelines/a.py\n      - src/b.py\n      - src/c\n      - corpora")
    'deps:\n      - pipelines/a.py\n      - attention_programs.version\n      - corpora\n'
    """
    lines: list[str] = []
    for line in stages.splitlines():
        kept = f"      - {VERSION_FILE}" if line.startswith("      - src/") else line
        if kept == line or kept != lines[-1]:
            lines.append(kept)
    return "\n".join(lines) + "\n"
