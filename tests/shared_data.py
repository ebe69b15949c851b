"""What a team does with DVC: pushing a project's data to a remote, and pulling it into a clone."""

import subprocess
import sys
from pathlib import Path

from attention_programs.project.reproduction import environment

PATTERNS = "data/${profile}/attention: {persist: true"
"""The output that may stay where it was computed, in ``dvc.yaml``."""


def dvc(root: Path, *arguments: str) -> str:
    """What DVC prints; it must succeed."""
    command = [sys.executable, "-m", "dvc", *arguments]
    run = subprocess.run(command, cwd=root, env=environment(root), capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def git(root: Path, *arguments: str) -> None:
    """Runs git as somebody."""
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True)


def push_and_pull(root: Path, remote: Path, clone: Path, patterns: bool) -> None:
    """Pushes a project's data to a new remote, clones the project elsewhere, and pulls there.

    Args:
        root: The project.
        remote: The folder that the data go to.
        clone: A new folder.
        patterns: Whether attention patterns are pushed, too.
    """
    if not patterns:
        stages = (root / "dvc.yaml").read_text(encoding="utf-8")
        assert PATTERNS in stages
        (root / "dvc.yaml").write_text(stages.replace(PATTERNS, f"{PATTERNS}, push: false"), encoding="utf-8")
    dvc(root, "remote", "add", "--default", "team", str(remote))
    git(root, "commit", "--quiet", "--all", "--message", "A remote for data")
    dvc(root, "push")
    subprocess.run(["git", "clone", "--quiet", root, clone], check=True)
    dvc(clone, "pull", *([] if patterns else ["--allow-missing"]))
