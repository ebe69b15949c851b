"""Looking up a registered surrogate directly in MLflow's tables."""

import contextlib
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from attention_programs.errors import UserError
from attention_programs.programs.record import ProgramRecord
from attention_programs.surrogate.specification import read_specification
from attention_programs.tracking.addresses import resolve
from attention_programs.tracking.lineage import SURROGATE_FILE

DATABASE = "mlruns/mlflow.db"
PUBLISH_COMMAND = "attention-programs publish"
PREFIX = "surrogate-"
ALIAS = "latest-validated"
PARENT_TAG = "mlflow.parentRunId"
_REFERENCE = re.compile(r"(?:models:/)?(?P<name>[^@/]+)(?:@(?P<alias>[^@/]+)|/(?P<version>\d+))?")


def is_whole(database: Path) -> bool:
    """Whether there is a complete store: MLflow writes the first experiment once all tables exist.

    Raises:
        UserError: if the file is not an SQLite database or can't be opened.
    """
    if not database.is_file():
        return False
    try:
        with contextlib.closing(sqlite3.connect(database)) as connection:
            tables = connection.execute("SELECT name FROM sqlite_master WHERE name = 'experiments'").fetchall()
            return bool(tables and connection.execute("SELECT 1 FROM experiments LIMIT 1").fetchall())
    except sqlite3.DatabaseError as error:
        raise UserError(f"cannot read {database} ({error}); move it away, then run `{PUBLISH_COMMAND}`") from error


@dataclass(frozen=True)
class Reference:
    """A reference to a surrogate's version: by number if given, otherwise by alias."""

    name: str
    alias: str = ALIAS
    version: str = ""

    @classmethod
    def parse(cls, text: str) -> "Reference":
        """Reads ``NAME``, ``NAME@ALIAS`` or ``NAME/VERSION``, with or without ``models:/`` and ``surrogate-``.

        Raises:
            UserError: if the text is malformed.

        >>> Reference.parse("smollm2-135m")
        Reference(name='surrogate-smollm2-135m', alias='latest-validated', version='')
        >>> Reference.parse("models:/surrogate-gpt2/3").version
        '3'
        """
        match = _REFERENCE.fullmatch(text.strip())
        if match is None:
            raise UserError(f"{text!r} is not a surrogate's name; write NAME, NAME@ALIAS or NAME/VERSION")
        return cls(registered_name(match["name"].removeprefix(PREFIX)), match["alias"] or ALIAS, match["version"] or "")


@dataclass(frozen=True)
class SurrogateInfo:
    """A registered surrogate as shown on the command line."""

    name: str
    version: str
    aliases: tuple[str, ...]
    tags: dict[str, str]
    description: str
    created: float
    """When it was registered, in seconds since 1970."""
    run_id: str
    """The MLflow run it was published with."""
    assignment: dict[str, ProgramRecord]
    """Program of each replaced head."""
    specification: Path
    """The surrogate's file."""


@dataclass(frozen=True)
class RunInfo:
    """A run in MLflow."""

    id: str
    name: str
    tags: dict[str, str]
    artifacts: Path
    """The folder of its files."""


def run_info(run_id: str, root: Path) -> RunInfo:
    """What is known about a run.

    Raises:
        UserError: if there is no store, or no such run.
    """
    with _opened(root) as connection:
        rows = connection.execute("SELECT name, artifact_uri FROM runs WHERE run_uuid = ?", (run_id,)).fetchall()
        if not rows:
            raise UserError(f"{root / DATABASE} has no run {run_id!r}; `attention-programs ui` shows those it has")
        tags = connection.execute("SELECT key, value FROM tags WHERE run_uuid = ?", (run_id,))
        return RunInfo(
            run_id,
            rows[0]["name"],
            {tag["key"]: tag["value"] for tag in tags},
            resolve(rows[0]["artifact_uri"], root),
        )


def child_runs(run_id: str, root: Path) -> list[RunInfo]:
    """The runs below a run, by id."""
    with _opened(root) as connection:
        rows = connection.execute(
            "SELECT run_uuid FROM tags WHERE key = ? AND value = ? ORDER BY run_uuid", (PARENT_TAG, run_id)
        ).fetchall()
    return [run_info(row["run_uuid"], root) for row in rows]


def registered_name(profile: str) -> str:
    """The registered model's name for a profile, such as ``surrogate-smollm2-135m``."""
    return PREFIX + profile


def surrogate_info(reference: str, root: Path) -> SurrogateInfo:
    """What is known about a registered surrogate.

    Args:
        reference: ``NAME``, ``NAME@ALIAS`` or ``NAME/VERSION``.
        root: The project's folder.

    Raises:
        UserError: if nothing is published, or nothing under that name; the message lists what is.
    """
    wanted = Reference.parse(reference)
    with _opened(root) as connection:
        name, number = wanted.name, _version(connection, wanted)
        condition = "WHERE name = ? AND version = ?"
        [row] = connection.execute(f"SELECT * FROM model_versions {condition}", (name, number))  # noqa: S608 - fixed
        tags = connection.execute(f"SELECT key, value FROM model_version_tags {condition}", (name, number))  # noqa: S608
        path = resolve(row["storage_location"] or row["source"], root) / "artifacts" / SURROGATE_FILE
        specification = read_specification(path)
        return SurrogateInfo(
            name=name,
            version=str(number),
            aliases=tuple(alias for alias, version in _aliases(connection, name).items() if version == number),
            tags={tag["key"]: tag["value"] for tag in tags},
            description=row["description"],
            created=row["creation_time"] / 1000,
            run_id=row["run_id"],
            assignment={head: specification.programs[program] for head, program in specification.heads.items()},
            specification=path,
        )


@contextlib.contextmanager
def _opened(root: Path) -> Iterator[sqlite3.Connection]:
    database = root / DATABASE
    if not is_whole(database):
        raise UserError(f"{database} is not a complete store, so nothing is published yet; run `{PUBLISH_COMMAND}`")
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.row_factory = sqlite3.Row
        yield connection


def _version(connection: sqlite3.Connection, wanted: Reference) -> int:
    names = connection.execute("SELECT name FROM registered_models WHERE name LIKE ? ORDER BY name", (f"{PREFIX}%",))
    known = [row["name"] for row in names]
    if wanted.name not in known:
        choices = f"choose from {', '.join(known)}" if known else f"there are none yet; run `{PUBLISH_COMMAND}`"
        raise UserError(f"no surrogate {wanted.name!r} is registered; {choices}")
    rows = connection.execute(
        "SELECT version FROM model_versions WHERE name = ? AND current_stage != 'Deleted_Internal' ORDER BY version",
        (wanted.name,),
    )
    versions = [row["version"] for row in rows]
    aliases = _aliases(connection, wanted.name)
    number = int(wanted.version) if wanted.version else aliases.get(wanted.alias, 0)
    if number not in versions:
        asked = f"version {wanted.version}" if wanted.version else f"alias {wanted.alias!r}"
        raise UserError(
            f"surrogate {wanted.name!r} has no {asked}; versions: {', '.join(map(str, versions)) or 'none'}; aliases: "
            f"{', '.join(aliases) or 'none'} (write {wanted.name}/VERSION or {wanted.name}@ALIAS)"
        )
    return number


def _aliases(connection: sqlite3.Connection, name: str) -> dict[str, int]:
    rows = connection.execute(
        "SELECT alias, version FROM registered_model_aliases WHERE name = ? ORDER BY alias", (name,)
    )
    return {row["alias"]: row["version"] for row in rows}
