"""The record of files: the stage that wrote each, and what that read, down to what no stage makes."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath

from attention_programs.errors import UserError
from attention_programs.files import read_yaml, sha256_file, sha256_text
from attention_programs.llm.call_log import canonical
from attention_programs.project.reproduction import VERSION_FILE
from attention_programs.provenance.hashes import Hashes
from attention_programs.provenance.history import History
from attention_programs.provenance.lock_files import (
    COMPARISON,
    LockFile,
    Stage,
    lock_file_of,
    lock_file_of_comparison,
    profile_of,
)
from attention_programs.provenance.record import Finding, Kind, Node
from attention_programs.provenance.settings import ProfileSettings
from attention_programs.tracking.lineage import REQUIREMENTS

CODE = ("src/", "pipelines/")
BESIDES = {
    "results/architectures.csv": "make test",
    "results/bench.json": "make bench",
    "results/models.csv": "attention-programs compare-models --results-only",
    "results/seeds.csv": "attention-programs seeds",
    "results/sizes.json": "make bench",
}
"""The command that writes a file of results outside the pipelines."""
_KINDS: dict[str, Kind] = {".csv": "table", ".png": "figure", ".svg": "figure"}


@dataclass(frozen=True)
class Published:
    """What MLflow has of a profile: its lock file, and copies of its results."""

    lock: LockFile
    settings: Path
    """Its ``params.yaml``."""
    copies: Mapping[str, Path]
    """Folders of copies, by path from the project's folder."""
    now: Mapping[str, str]
    """What the project's own lock file of the profile records today, by path; it may have gone on."""


@dataclass
class FileRecords:
    """Adds files, and everything behind them, to a record."""

    root: Path
    published: Published | None = None
    """A publication in MLflow, whose copies are compared instead of the project's own files."""
    nodes: dict[str, Node] = field(default_factory=dict)

    def __post_init__(self) -> None:
        known = self.published
        self.history = History(self.root)
        self.hashes = Hashes(self.root, self.history, known.copies if known else {}, known.now if known else {})
        self._profiles = ProfileSettings(self.root, {known.lock.profile: read_yaml(known.settings)} if known else {})
        self._locks: dict[str, LockFile] = {known.lock.profile: known.lock} if known else {}

    def add(self, node: Node) -> str:
        """Adds a node unless it is there; returns its key."""
        return self.nodes.setdefault(node.key, node).key

    def lock_of(self, profile: str) -> LockFile:
        """The lock file of a profile, read once."""
        if profile not in self._locks:
            self._locks[profile] = lock_file_of(profile, self.root)
        return self._locks[profile]

    def file(self, path: str, lock: LockFile | None = None, recorded: str = "") -> str:
        """Adds a file or folder.

        Args:
            path: Its path from the project's folder.
            lock: The lock file of the stage that read it, for what belongs to no profile, such as a model.
            recorded: DVC's hash as that stage recorded it.

        Returns:
            The node's key.

        Raises:
            UserError: if it belongs to a profile without a lock file, or nothing is recorded of it.
        """
        key = f"file {path}"
        if key in self.nodes:
            return key
        lock = self._lock_for(path) or lock
        stage = lock.writer_of(path) if lock else None
        sources: tuple[str, ...] = ()
        if lock and stage:
            output = next(place for place in stage.outputs if path == place or path.startswith(f"{place}/"))
            recorded = stage.outputs[path] if path == output else recorded
            # DVC has one hash for all files of a folder.
            sources = (self.stage(stage, lock) if path == output else self.file(output, lock),)
        elif not recorded:
            return self._outside_pipelines(path)
        check = partial(self.hashes.check, path, recorded) if recorded else None
        return self.add(
            Node(key, _kind(path), path, f"md5:{recorded}" if recorded else "", sources=sources, check=check)
        )

    def stage(self, stage: Stage, lock: LockFile) -> str:
        """Adds a stage with everything that it read; returns its key."""
        key = f"stage {stage.name} in {lock.place}"
        if key not in self.nodes:
            code = {path: md5 for path, md5 in stage.inputs.items() if path.startswith(CODE) or path == VERSION_FILE}
            sources = [self.file(path, lock, md5) for path, md5 in stage.inputs.items() if path not in code]
            sources += [self._settings(stage, lock)] if stage.settings else []
            sources += [self._code(stage, lock, code), self._lock(lock)]
            check = partial(self._check_inputs, stage, lock)
            self.add(Node(key, "stage", stage.name, details=stage.command, sources=tuple(sources), check=check))
        return key

    def commit(self, commit: str) -> str:
        """Adds a commit; returns its key."""

        def check() -> Finding:
            if not self.history.knows(commit):
                return Finding("unverified", f"commit {commit[:10]} is not in this repository")
            whole = self.history.is_whole(commit)
            return Finding("verified") if whole else Finding("differs", f"commit {commit[:10]} is damaged")

        return self.add(Node(f"commit {commit}", "commit", self.history.title(commit), f"git:{commit}", check=check))

    def _lock_for(self, path: str) -> LockFile | None:
        """The lock file of the pipeline that a path belongs to, if its folder says so."""
        if profile := profile_of(path):
            return self.lock_of(profile)
        if path.startswith(("results/models/", "data/models/")):
            if COMPARISON not in self._locks:
                self._locks[COMPARISON] = lock_file_of_comparison(self.root)
            return self._locks[COMPARISON]
        return None

    def _check_inputs(self, stage: Stage, lock: LockFile) -> Finding:
        for path, md5 in stage.inputs.items():
            writer = (self._lock_for(path) or lock).writer_of(path)
            made = writer.outputs.get(path, md5) if writer else md5
            if made != md5:
                return Finding(
                    "differs", f"stage {stage.name} read {path} with md5 {md5}, but it was written with {made}"
                )
        return Finding("verified")

    def _code(self, stage: Stage, lock: LockFile, code: dict[str, str]) -> str:
        return self.add(
            Node(
                f"code of {stage.name} in {lock.place}",
                "code",
                f"{len(code)} files and folders, {next(iter(sorted(code)), 'none')} and others",
                f"sha256:{sha256_text(canonical(code))}",
                check=partial(self.hashes.check_code, code),
            )
        )

    def _settings(self, stage: Stage, lock: LockFile) -> str:
        values = {key: value for file in stage.settings.values() for key, value in file.items()}
        return self.add(
            Node(
                f"settings of {stage.name} in {lock.place}",
                "settings",
                ", ".join(sorted(values)),
                f"sha256:{sha256_text(canonical(values))}",
                check=partial(self._profiles.check, stage, lock.profile),
            )
        )

    def _lock(self, lock: LockFile) -> str:
        commit = self.history.last_commit(lock.place)

        def check() -> Finding:
            found = self.hashes.check_committed(lock.place)
            if found.status == "differs":  # by a run that is not committed yet
                return Finding("unverified", f"{found.reason}; commit it, so that others can check it")
            return found

        return self.add(
            Node(
                f"lock file {lock.place}",
                "lock file",
                lock.place,
                f"sha256:{sha256_file(self.root / lock.place)}",
                sources=(self.commit(commit), self._packages(commit)) if commit else (),
                check=check,
            )
        )

    def _packages(self, commit: str) -> str:
        """Adds the packages' lock file as it was when a lock file was committed."""
        recorded = self.history.content(commit, REQUIREMENTS)

        def check() -> Finding:
            here = self.root / REQUIREMENTS
            if not here.is_file() or not recorded:
                return Finding("unverified", f"{REQUIREMENTS} is not here, or not in commit {commit[:10]}")
            if here.read_bytes() != recorded:
                return Finding("earlier", f"{REQUIREMENTS} changed since; commit {commit[:10]} has it as it was")
            return Finding("verified")

        digest = f"sha256:{hashlib.sha256(recorded).hexdigest()}" if recorded else ""
        return self.add(Node(f"packages in {commit}", "packages", REQUIREMENTS, digest, check=check))

    def _outside_pipelines(self, path: str) -> str:
        if not (self.root / path).is_file():
            raise UserError(f"{path} is neither in the project nor recorded in a lock file; see `dvc dag --outs`")
        commit = self.history.last_commit(path)
        command = BESIDES.get(path, "")
        return self.add(
            Node(
                f"file {path}",
                _kind(path),
                path,
                f"sha256:{sha256_file(self.root / path)}",
                f"written by `{command}`, which records no sources" if command else "no stage writes it",
                (self.commit(commit),) if commit else (),
                partial(self.hashes.check_committed, path),
            )
        )


def _kind(path: str) -> Kind:
    if path.startswith("models/") and path.count("/") == 1:
        return "weights"
    if path.startswith("data/") and path.endswith("/texts.jsonl"):
        return "texts"
    return _KINDS.get(PurePosixPath(path).suffix, "file")
