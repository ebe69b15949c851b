"""Reads files of programs in the paper's form; nothing is run."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attention_programs.files import read_text, sha256_file
from attention_programs.programs.paper_source.helpers import HelperFile
from attention_programs.programs.paper_source.splitting import PaperSource, Remark, split


@dataclass(frozen=True)
class ImportedProgram:
    """A program and where it came from."""

    program: PaperSource
    provenance: dict[str, Any]


@dataclass(frozen=True)
class ImportedFile:
    """What a file gave."""

    file: str
    """Its name, without the folders."""
    file_sha256: str
    programs: tuple[ImportedProgram, ...]
    remarks: tuple[Remark, ...]


def import_file(path: Path, helpers: Path | None = None) -> ImportedFile:
    """Reads a file and takes it apart.

    Args:
        path: The file of programs.
        helpers: A file of functions and constants that the programs use and their file lacks.

    Raises:
        UserError: if a file can't be read or is no Python, or the first holds no program.
    """
    beside = None if helpers is None else HelperFile(read_text(helpers), str(helpers))
    parts = split(read_text(path), str(path), beside)
    origin = {"author": "imported", "form": "paper", "file": path.name, "file_sha256": sha256_file(path)}
    if helpers is not None:
        origin |= {"helpers": helpers.name, "helpers_sha256": sha256_file(helpers)}
    programs = tuple(
        ImportedProgram(program, {**origin, "function": program.entry, "line": program.line})
        for program in parts.programs
    )
    return ImportedFile(path.name, origin["file_sha256"], programs, parts.remarks)
