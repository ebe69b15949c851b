"""What git knows: the commit that a file was last changed in, and hashes of files and folders in earlier commits."""

import hashlib
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from attention_programs.tracking.lineage import folder_hash

COMMITS = 200
"""How many commits that changed a file are searched for its recorded version, latest first."""


@dataclass
class History:
    """A project's git history; empty outside a repository."""

    root: Path
    _hashes: dict[str, str] = field(default_factory=dict)
    """MD5 of contents, by git's name of them."""

    def last_commit(self, path: str = ".") -> str:
        """The last commit that changed a file; empty if there is none."""
        return self._git("log", "--max-count=1", "--format=%H", "--", path).decode().strip()

    def title(self, commit: str) -> str:
        """The first line of a commit's message."""
        return self._git("log", "--max-count=1", "--format=%s", commit).decode().strip()

    def knows(self, commit: str) -> bool:
        """Whether a commit is in this repository."""
        return bool(self._git("cat-file", "-t", commit))

    def is_whole(self, commit: str) -> bool:
        """Whether a commit's content still has the hash that it is named by."""
        content = self._git("cat-file", "commit", commit)
        header = f"commit {len(content)}\0".encode()
        digest = hashlib.sha256 if len(commit) == 64 else hashlib.sha1
        return digest(header + content).hexdigest() == commit

    def content(self, commit: str, path: str) -> bytes:
        """A file as it is in a commit; empty if it is not there."""
        return self._git("cat-file", "blob", f"{commit}:./{path}")

    def commit_with(self, path: str, md5: str) -> str:
        """The latest commit in which a file or folder had the given hash of DVC; empty if none is found."""
        commits = self._git("log", f"--max-count={COMMITS}", "--format=%H", "--", path).decode().split()
        return next((commit for commit in commits if self._dvc_hash(commit, path) == md5), "")

    def _dvc_hash(self, commit: str, path: str) -> str:
        listing = self._git("ls-tree", "-r", "-z", commit, "--", path).decode().split("\0")
        blobs = {line.split("\t")[1]: line.split()[2] for line in listing if line}
        files = {name: self._md5(blob) for name, blob in blobs.items()}
        if path in files:
            return files[path]
        inside = {name.removeprefix(f"{path}/"): md5 for name, md5 in files.items()}
        return folder_hash(inside) if inside else ""

    def _md5(self, blob: str) -> str:
        if blob not in self._hashes:
            self._hashes[blob] = hashlib.md5(self._git("cat-file", "blob", blob), usedforsecurity=False).hexdigest()
        return self._hashes[blob]

    def _git(self, *arguments: str) -> bytes:
        try:
            run = subprocess.run(["git", "-C", str(self.root), *arguments], capture_output=True, check=False)
        except FileNotFoundError:
            return b""
        return run.stdout if run.returncode == 0 else b""
