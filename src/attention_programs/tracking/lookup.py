"""Looking up a registered surrogate: directly in MLflow's tables, which is quick, or at a tracking server."""

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
from attention_programs.tracking.server import server_address

DATABASE = "mlruns/mlflow.db"
PUBLISH_COMMAND = "attention-programs publish"
PREFIX = "surrogate-"
ALIAS = "latest-validated"
PARENT_TAG = "mlflow.parentRunId"
PROFILE_RUN = "profile"
PROGRAM_RUN = "program"
"""What a run is of: its tag ``kind``."""
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
class Versions:
    """The versions of a registered surrogate that there are."""

    name: str
    numbers: tuple[int, ...]
    aliases: dict[str, int]
    """Version of each alias."""

    def chosen(self, wanted: Reference) -> int:
        """The version that a reference means.

        Raises:
            UserError: if it is not there; the message lists what is.
        """
        number = int(wanted.version) if wanted.version else self.aliases.get(wanted.alias, 0)
        if number not in self.numbers:
            asked = f"version {wanted.version}" if wanted.version else f"alias {wanted.alias!r}"
            raise UserError(
                f"surrogate {self.name!r} has no {asked}; versions: {', '.join(map(str, self.numbers)) or 'none'}; "
                f"aliases: {', '.join(self.aliases) or 'none'} (write {self.name}/VERSION or {self.name}@ALIAS)"
            )
        return number

    def aliases_of(self, number: int) -> tuple[str, ...]:
        """The aliases of a version."""
        return tuple(alias for alias, version in self.aliases.items() if version == number)


def require_registered(name: str, known: list[str]) -> None:
    """Checks that there is a surrogate of a name.

    Raises:
        UserError: if not; the message lists those that there are.
    """
    if name not in known:
        choices = f"choose from {', '.join(known)}" if known else f"there are none yet; run `{PUBLISH_COMMAND}`"
        raise UserError(f"no surrogate {name!r} is registered; {choices}")


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
    """The surrogate's file; if it comes from a server, a copy in the project's cache."""


def registered_name(profile: str) -> str:
    """The registered model's name for a profile, such as ``surrogate-smollm2-135m``."""
    return PREFIX + profile


def surrogate_info(reference: str, root: Path) -> SurrogateInfo:
    """What is known about a registered surrogate.

    Args:
        reference: ``NAME``, ``NAME@ALIAS`` or ``NAME/VERSION``.
        root: The project's folder.

    Raises:
        UserError: if nothing is published, or nothing under that name; the message lists what is. Or if the tracking
            server can't be reached, rejects the user or fails.
    """
    if server_address():
        from attention_programs.tracking.server_lookup import info_from_server  # takes seconds

        return info_from_server(Reference.parse(reference), root)
    return _info_from_tables(Reference.parse(reference), root)


def _info_from_tables(wanted: Reference, root: Path) -> SurrogateInfo:
    with opened(root) as connection:
        name, versions = wanted.name, _versions(connection, wanted.name)
        number = versions.chosen(wanted)
        condition = "WHERE name = ? AND version = ?"
        [row] = connection.execute(f"SELECT * FROM model_versions {condition}", (name, number))  # noqa: S608 - fixed
        tags = connection.execute(f"SELECT key, value FROM model_version_tags {condition}", (name, number))  # noqa: S608
        path = resolve(row["storage_location"] or row["source"], root) / "artifacts" / SURROGATE_FILE
        specification = read_specification(path)
        return SurrogateInfo(
            name=name,
            version=str(number),
            aliases=versions.aliases_of(number),
            tags={tag["key"]: tag["value"] for tag in tags},
            description=row["description"],
            created=row["creation_time"] / 1000,
            run_id=row["run_id"],
            assignment={head: specification.programs[program] for head, program in specification.heads.items()},
            specification=path,
        )


@contextlib.contextmanager
def opened(root: Path) -> Iterator[sqlite3.Connection]:
    """The database of the project's own store.

    Raises:
        UserError: if nothing was published yet.
    """
    database = root / DATABASE
    if not is_whole(database):
        raise UserError(f"{database} is not a complete store, so nothing is published yet; run `{PUBLISH_COMMAND}`")
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.row_factory = sqlite3.Row
        yield connection


def _versions(connection: sqlite3.Connection, name: str) -> Versions:
    names = connection.execute("SELECT name FROM registered_models WHERE name LIKE ? ORDER BY name", (f"{PREFIX}%",))
    require_registered(name, [row["name"] for row in names])
    rows = connection.execute(
        "SELECT version FROM model_versions WHERE name = ? AND current_stage != 'Deleted_Internal' ORDER BY version",
        (name,),
    )
    aliases = connection.execute(
        "SELECT alias, version FROM registered_model_aliases WHERE name = ? ORDER BY alias", (name,)
    )
    return Versions(name, tuple(row["version"] for row in rows), {row["alias"]: row["version"] for row in aliases})
