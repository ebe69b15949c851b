"""Reads files of programs in the paper's form; nothing is run."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attention_programs.files import read_text, sha256_file
from attention_programs.programs.paper_form.splitting import PaperSource, Remark, split


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


def import_file(path: Path) -> ImportedFile:
    """Reads a file and takes it apart.

    Raises:
        UserError: if the file can't be read, is no Python or holds no program.
    """
    parts = split(read_text(path), str(path))
    origin = {"author": "imported", "form": "paper", "file": path.name, "file_sha256": sha256_file(path)}
    programs = tuple(
        ImportedProgram(program, {**origin, "function": program.entry, "line": program.line})
        for program in parts.programs
    )
    return ImportedFile(path.name, origin["file_sha256"], programs, parts.remarks)
