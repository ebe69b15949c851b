"""Computing the hashes of a project's files again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from attention_programs.provenance.history import History
from attention_programs.provenance.record import Finding
from attention_programs.tracking.lineage import dvc_hash

FETCH = "`dvc pull` fetches it, `dvc repro` makes it"


@dataclass
class Hashes:
    """DVC's hashes of a project's files, each computed once."""

    root: Path
    history: History
    copies: Mapping[str, Path] = field(default_factory=dict)
    """Folders that MLflow has copies of, by path from the project's folder: those are compared, as the project may have
    gone on since."""
    now: Mapping[str, str] = field(default_factory=dict)
    """What the project records today, by path, if others are compared than it has."""
    _known: dict[str, str] = field(default_factory=dict)

    def of(self, path: str) -> str:
        """The hash of a file or folder; empty if it is not here."""
        if path not in self._known:
            place = self._place(path)
            self._known[path] = dvc_hash(place) if place.exists() else ""
        return self._known[path]

    def check(self, path: str, recorded: str) -> Finding:
        """Compares a file or folder with its recorded hash."""
        found = self.of(path)
        if not found:
            return Finding("unverified", f"{path} is not here; {FETCH}")
        if found != recorded and self._went_on(path, recorded):
            return Finding("unverified", f"{path} is not here as it was published; the project went on since")
        if found != recorded:
            return Finding("differs", f"{path} has md5 {found}, recorded is {recorded}")
        return Finding("verified")

    def _went_on(self, path: str, recorded: str) -> bool:
        """Whether the project has another version since something was published, which therefore can't be compared."""
        return bool(self.copies) and self._place(path) == self.root / path and self.now.get(path) != recorded

    def _place(self, path: str) -> Path:
        for folder, copy in self.copies.items():
            if path.startswith(f"{folder}/") and (copy / path.removeprefix(f"{folder}/")).exists():
                return copy / path.removeprefix(f"{folder}/")
        return self.root / path

    def check_code(self, recorded: Mapping[str, str]) -> Finding:
        """Compares code with what a stage ran; as code goes on changing, earlier commits are searched, too."""
        changed = {path: md5 for path, md5 in recorded.items() if self.of(path) != md5}
        commits = {path: self.history.commit_with(path, md5) for path, md5 in changed.items()}
        lost = [path for path, commit in commits.items() if not commit]
        if lost and not any(self.history.last_commit(path) for path in lost):
            return Finding("unverified", f"git here has no {lost[0]}")
        if lost:
            return Finding("differs", f"{lost[0]} is neither here nor in an earlier commit as the stage ran it")
        if commits:
            path, commit = next(iter(commits.items()))
            more = f" and {len(commits) - 1} more" if len(commits) > 1 else ""
            return Finding("earlier", f"{path}{more} changed since; commit {commit[:10]} has it as the stage ran it")
        return Finding("verified")

    def check_committed(self, path: str) -> Finding:
        """Compares a file that no stage writes with the last commit."""
        commit = self.history.last_commit(path)
        if not commit:
            return Finding("unverified", f"{path} was never committed")
        if self.history.content(commit, path) != (self.root / path).read_bytes():
            return Finding("differs", f"{path} is not as commit {commit[:10]} has it")
        return Finding("verified")
