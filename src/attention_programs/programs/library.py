"""Programs that ship as files: one function ``program(text)`` a file, named after what it does."""

from collections.abc import Sequence
from pathlib import Path

from attention_programs.errors import UserError
from attention_programs.files import read_text
from attention_programs.programs.outcome import Rejected
from attention_programs.programs.prefix import causality
from attention_programs.programs.runtime import compile_trusted, run
from attention_programs.programs.table import Author, ProgramRecord, make_record
from attention_programs.programs.view import TokenView


def load_library(folder: Path, author: Author, views: Sequence[TokenView]) -> list[ProgramRecord]:
    """Reads every program of a library folder.

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
    records = []
    for file in files:
        source = read_text(file)
        program = compile_trusted(source, str(file), shipped=True)
        for view in views:
            outcome = run(program, view)
            if isinstance(outcome, Rejected):
                raise UserError(f"{file}: {outcome.reason} on a text of {view.n} tokens ({outcome.message}); mend it")
        provenance = {"author": author, "file": file.as_posix()}
        records.append(make_record(source, file.stem, author, causality(program, views), [], provenance))
    return records
