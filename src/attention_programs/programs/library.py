"""Programs that ship as files: one function ``program(text)`` a file, named after what it does or after its head."""

from collections.abc import Sequence
from pathlib import Path

from attention_programs.errors import UserError
from attention_programs.files import read_text, sha256_text
from attention_programs.models.head import Head
from attention_programs.programs.methods import Author
from attention_programs.programs.outcome import Rejected
from attention_programs.programs.prefix import causality
from attention_programs.programs.runtime import compile_trusted, run
from attention_programs.programs.table import ProgramRecord, make_record
from attention_programs.programs.view import TokenView


def load_library(folder: Path, author: Author, views: Sequence[TokenView]) -> list[ProgramRecord]:
    """Reads the programs of general use of a library folder.

    Args:
        folder: Folder of ``*.py`` files, relative to the repository's root.
        author: What its programs are recorded as.
        views: Texts on which the prefix rule is tested.

    Raises:
        UserError: if the folder is empty, or a file holds no program or one that fails on a text.
    """
    files = sorted(folder.glob("*.py"))
    if not files:
        raise UserError(f"{folder} holds no programs (*.py); correct the folder in params.yaml")
    return [_record(file, file.stem, author, views, [], {}) for file in files]


def load_written_for(folder: Path, author: Author, views: Sequence[TokenView]) -> list[ProgramRecord]:
    """Reads the programs that were written for the heads of one model, with the prompts that they were written from.

    Args:
        folder: Folder of files like ``L5H1.py`` with ``L5H1.md`` beside it; it need not exist.
        author: What its programs are recorded as.
        views: Texts on which the prefix rule is tested.

    Raises:
        UserError: if a file is not named after a head, lacks its prompt, or holds no program or one that fails.
    """
    return [_written_for(file, author, views) for file in sorted(folder.glob("*.py"))]


def _written_for(file: Path, author: Author, views: Sequence[TokenView]) -> ProgramRecord:
    try:
        head = str(Head.parse(file.stem))
    except UserError as error:
        raise UserError(f"{file}: {error}; or move it up a folder, to the programs of general use") from error
    told = file.with_suffix(".md")
    if not told.is_file():
        raise UserError(f"{told} does not exist; write it with `attention-programs prompt {head} > {told}`")
    prompt = read_text(told)
    origin = {"prompt": prompt, "prompt_sha256": sha256_text(prompt)}
    return _record(file, f"{author} {head}", author, views, [head], origin)


def _record(
    file: Path, name: str, author: Author, views: Sequence[TokenView], heads: list[str], origin: dict[str, str]
) -> ProgramRecord:
    source = read_text(file)
    program = compile_trusted(source, str(file), shipped=True)
    for view in views:
        outcome = run(program, view)
        if isinstance(outcome, Rejected):
            raise UserError(f"{file}: {outcome.reason} on a text of {view.n} tokens ({outcome.message}); mend it")
    provenance = {"author": author, "file": file.as_posix(), **origin}
    return make_record(source, name, author, causality(program, views), heads, provenance)
