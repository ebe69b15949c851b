"""The record of what is in MLflow: runs, and registered versions of surrogates."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from attention_programs.config import load_config
from attention_programs.errors import UserError
from attention_programs.files import read_json, read_text, sha256_file
from attention_programs.programs.record import ProgramRecord
from attention_programs.project.reproduction import VERSION_FILE
from attention_programs.provenance.files import FileRecords, Published
from attention_programs.provenance.lock_files import LockFile, lock_file_of, read_lock_file
from attention_programs.provenance.programs import ProgramRecords
from attention_programs.provenance.record import Finding, Node, Record
from attention_programs.surrogate.specification import read_specification
from attention_programs.tracking.lineage import (
    DVC_LOCK,
    PARAMS_FILE,
    REQUIREMENTS,
    SURROGATE_FILE,
    content_key,
    dvc_hash,
)
from attention_programs.tracking.lookup import PARENT_TAG, PROGRAM_RUN, surrogate_info
from attention_programs.tracking.run_lookup import RunInfo, run_info

READS_SETTINGS = ("src/attention_programs/config", VERSION_FILE)
"""What tells by which code settings are read, in a checkout and in a project of its own."""


def record_of_run(run_id: str, root: Path) -> Record:
    """The record of a run of MLflow: a profile's or a program's.

    Raises:
        UserError: if there is no such run, or it is not one of a publication.
    """
    info = run_info(run_id, root)
    records = _PublishedRecords.of(info, root)
    key = records.program_run(info) if info.tags.get("kind") == PROGRAM_RUN else records.run()
    return Record(key, records.files.nodes)


def record_of_surrogate(reference: str, root: Path) -> Record:
    """The record of a registered version of a surrogate.

    Raises:
        UserError: if there is no such version.
    """
    found = surrogate_info(reference, root)
    records = _PublishedRecords.of(run_info(found.run_id, root), root)
    profile = records.profile_run.tags["profile"]
    recorded = found.tags.get(f"dvc/data/{profile}/{SURROGATE_FILE}", "")
    used = {program.id: program for program in found.assignment.values()}
    programs = [records.programs.known(program, profile) for _, program in sorted(used.items())]
    specification = read_specification(found.specification)
    key = records.files.add(
        Node(
            f"surrogate {found.name}/{found.version}",
            "surrogate",
            f"{found.name} version {found.version}",
            f"md5:{recorded}",
            f"{len(found.assignment)} heads replaced by {len(used)} programs; gate {found.tags['gate']}",
            (records.run(), records.programs.weights(specification.model, specification.weights_sha256), *programs),
            partial(_check_md5, found.specification, recorded),
        )
    )
    return Record(key, records.files.nodes)


@dataclass
class _PublishedRecords:
    """Adds what is in MLflow to a record."""

    profile_run: RunInfo
    lock: LockFile
    files: FileRecords
    programs: ProgramRecords

    @classmethod
    def of(cls, info: RunInfo, root: Path) -> "_PublishedRecords":
        above = info.tags.get(PARENT_TAG)
        run = run_info(above, root) if above else info
        if "content_key" not in run.tags:
            raise UserError(f"run {run.id} was not written by `attention-programs publish`; nothing is recorded of it")
        profile, folder = run.tags["profile"], run.artifacts
        place = (folder / DVC_LOCK).relative_to(root.resolve()).as_posix()
        lock = read_lock_file(folder / DVC_LOCK, place, profile, root / "dvc.yaml")
        copies = {f"results/{profile}": folder / "results", f"reports/{profile}": folder / "reports"}
        files = FileRecords(root, Published(lock, folder / PARAMS_FILE, copies, _recorded_now(profile, root)))
        found = cls(run, lock, files, ProgramRecords(files))
        found._add_lock()
        return found

    def run(self) -> str:
        """Adds the profile's run, with everything that it has copies of; returns its key."""
        profile, tags = self.profile_run.tags["profile"], self.profile_run.tags
        copied = [path for path in _outputs(tags) if path.startswith(f"results/{profile}/")]
        sources = [self.files.file(path) for path in sorted(copied)]
        return self.files.add(
            Node(
                f"run {self.profile_run.id}",
                "run",
                self.profile_run.name,
                f"sha256:{tags['content_key']}",
                f"profile {profile}, model {tags['model']}",
                tuple(sources),
                self._check_content,
            )
        )

    def program_run(self, info: RunInfo) -> str:
        """Adds a program's run; returns its key."""
        made_from = read_json(info.artifacts / "provenance.json")
        recorded: dict[str, Any] = {name: info.tags[name] for name in ("author", "prefix_test", "format")}
        program = ProgramRecord(
            id=info.tags["program_id"],
            name=info.name,
            source=read_text(info.artifacts / "program.py"),
            description=info.tags.get("mlflow.note.content", ""),
            intended_heads=[],
            terms=0,
            nodes=0,
            provenance=made_from,
            entry=made_from.get("function", "program"),
            **recorded,
        )
        key = self.programs.known(program, self.profile_run.tags["profile"])
        return self.files.add(
            Node(
                f"run {info.id}",
                "run",
                info.name,
                details=f"a program of {info.tags['heads'] or 'no head'}",
                sources=(key, self.run()),
            )
        )

    def _add_lock(self) -> None:
        """Adds the run's own lock file, before a stage names it."""
        tags, folder = self.profile_run.tags, self.profile_run.artifacts
        commit = tags["git_commit"]
        details = "tracked files had been changed" if tags["git_changes"] == "true" else ""
        packages = Node(
            f"packages of {self.profile_run.id}",
            "packages",
            REQUIREMENTS,
            f"sha256:{tags['requirements_sha256']}",
            check=partial(_check_sha256, folder / REQUIREMENTS, tags["requirements_sha256"]),
        )
        self.files.add(
            Node(
                f"lock file {self.lock.place}",
                "lock file",
                self.lock.place,
                f"sha256:{sha256_file(folder / DVC_LOCK)}",
                details,
                (self.files.add(packages), *([self.files.commit(commit)] if commit != "none" else [])),
                self._check_lock,
            )
        )

    def _check_lock(self) -> Finding:
        recorded = {path: md5 for stage in self.lock.stages.values() for path, md5 in stage.outputs.items()}
        for path, md5 in _outputs(self.profile_run.tags).items():
            if recorded.get(path) != md5:
                return Finding("differs", f"{self.lock.place} has {recorded.get(path)} for {path}, MLflow has {md5}")
        return Finding("verified")

    def _check_content(self) -> Finding:
        tags = self.profile_run.tags
        found = content_key(_outputs(tags), asdict(load_config(self.profile_run.artifacts / PARAMS_FILE)))
        if found == tags["content_key"]:
            return Finding("verified")
        reason = f"run {self.profile_run.id}: outputs and settings have the content key {found}"
        return Finding("differs" if self._reads_settings_alike() else "unverified", reason)

    def _reads_settings_alike(self) -> bool:
        """Whether the code that reads settings is that of the run; another version may know other settings."""
        known = {path: md5 for stage in self.lock.stages.values() for path, md5 in stage.inputs.items()}
        return all(self.files.hashes.of(path) == known[path] for path in READS_SETTINGS if path in known)


def _recorded_now(profile: str, root: Path) -> dict[str, str]:
    try:
        stages = lock_file_of(profile, root).stages.values()
    except UserError:  # nothing but the store is here
        return {}
    return {path: md5 for stage in stages for path, md5 in {**stage.inputs, **stage.outputs}.items()}


def _outputs(tags: Mapping[str, str]) -> dict[str, str]:
    return {key.removeprefix("dvc/"): md5 for key, md5 in tags.items() if key.startswith("dvc/")}


def _check_md5(file: Path, recorded: str) -> Finding:
    found = dvc_hash(file)
    return Finding("verified") if found == recorded else Finding("differs", f"{file.name} in MLflow has md5 {found}")


def _check_sha256(file: Path, recorded: str) -> Finding:
    if not file.is_file():
        return Finding("unverified", f"{file.name} is not in the run's files")
    found = sha256_file(file)
    return Finding("verified") if found == recorded else Finding("differs", f"{file.name} has sha256 {found}")
