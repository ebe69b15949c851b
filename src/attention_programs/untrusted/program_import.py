"""Imports programs from a file: reads them and stores them with their origin."""

from dataclasses import dataclass
from pathlib import Path

from attention_programs.errors import UserError
from attention_programs.files import read_text, sha256_file
from attention_programs.programs.paper_source.dependencies import split
from attention_programs.programs.paper_source.helpers import HelperFile
from attention_programs.programs.source import ProgramFormat
from attention_programs.untrusted.vetting import Candidate, write_candidates


@dataclass(frozen=True)
class ImportedFile:
    """The programs of a file, before anything is run."""

    candidates: list[Candidate]
    remarks: list[str]
    """Which parts of the file did not become part of a program, with their lines."""


def read_file(path: Path, format: ProgramFormat, helpers: Path | None = None) -> ImportedFile:
    """Reads a file's programs; nothing is run.

    Args:
        path: A Python file.
        format: ``view`` for one function ``program(text)``, ``paper`` for functions of sentence and tokenizer with
            their helpers.
        helpers: A Python file of functions and constants that ``paper`` programs use and their file lacks.

    Raises:
        UserError: if a file can't be read, the first has no program, or helpers are given for the format ``view``.
    """
    source = read_text(path)
    origin = {"author": "imported", "file": path.name, "file_sha256": sha256_file(path)}
    if format == "view":
        if helpers is not None:
            raise UserError(f"--helpers {helpers}: only --format paper takes helpers; write them into {path} itself")
        return ImportedFile([Candidate(path.stem, source, "", "imported", "view", "program", [], origin)], [])
    origin["format"] = "paper"
    lacking = None
    if helpers is not None:
        lacking = HelperFile(read_text(helpers), str(helpers))
        origin |= {"helpers": helpers.name, "helpers_sha256": sha256_file(helpers)}
    parts = split(source, str(path), lacking)
    candidates = [
        Candidate(
            name=program.entry,
            source=program.source,
            description=program.description,
            author="imported",
            format="paper",
            entry=program.entry,
            intended_heads=[str(head) for head in program.intended_heads],
            provenance={**origin, "function": program.entry, "line": program.line, "uses_spacy": program.uses_spacy},
        )
        for program in parts.programs
    ]
    return ImportedFile(candidates, [str(remark) for remark in parts.remarks])


def store(file: ImportedFile, folder: Path, stem: str, replace: bool) -> Path:
    """Writes all candidates, even rejected ones, as the synthesize stage tests them again on its own texts.

    Raises:
        UserError: if there is an import of this name and ``replace`` is false.
    """
    target = folder / f"{stem}.jsonl"
    if target.exists() and not replace:
        raise UserError(f"{target} already exists; give --replace to overwrite it, or rename your file")
    write_candidates(target, file.candidates)
    return target
