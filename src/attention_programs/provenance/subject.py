"""What a user means by the name of a thing: a file, a number, a head, a program, a run, or a surrogate's version."""

import difflib
import re
from pathlib import Path

from attention_programs.errors import UserError
from attention_programs.files import read_json
from attention_programs.provenance.files import FileRecords
from attention_programs.provenance.numbers import NumberRecords
from attention_programs.provenance.programs import ProgramRecords
from attention_programs.provenance.published import record_of_run, record_of_surrogate
from attention_programs.provenance.record import Record

_HEAD = re.compile(r"L\d+H\d+")
_RUN = re.compile(r"[0-9a-f]{32}")
_VERSION = re.compile(r"(models:/|surrogate-).+|[^@/\s]+@[^@/\s]+|[^@/\s]+/\d+")
FORMS = (
    "a file or figure (results/smoke/heads.csv), a number of a summary (iou/test/all/selected), a head (L5H1), the id "
    "or name of a program, the id of a run of MLflow, or a surrogate (smollm2-135m@latest-validated)"
)


def trace(thing: str, profile: str, root: Path, here: Path) -> Record:
    """The record of a thing.

    Args:
        thing: Its name, in one of the forms of :data:`FORMS`.
        profile: The profile that a number, head or program belongs to.
        root: The project's folder.
        here: The folder that a relative path may start from, besides the project's.

    Raises:
        UserError: if there is no such thing.
    """
    files = FileRecords(root)
    if path := _path(thing, root, here):
        return Record(files.file(path), files.nodes)
    summary = root / "results" / profile / "summary.json"
    numbers = read_json(summary) if summary.is_file() else {}
    if thing in numbers:
        return Record(NumberRecords(files).number(thing, profile), files.nodes)
    if _HEAD.fullmatch(thing):
        return Record(ProgramRecords(files).head(thing, profile), files.nodes)
    if _RUN.fullmatch(thing):
        return record_of_run(thing, root)
    if _VERSION.fullmatch(thing):
        return record_of_surrogate(thing, root)
    if "/" in thing:
        close = difflib.get_close_matches(thing, numbers, n=3, cutoff=0.5)
        hint = f"; close: {', '.join(close)}" if close else ""
        raise UserError(f"{thing!r} is neither a file of the project nor a number of profile {profile!r}{hint}")
    try:
        return Record(ProgramRecords(files).program(thing, profile), files.nodes)
    except UserError as error:
        raise UserError(f"{error}; or name {FORMS}") from error


def _path(thing: str, root: Path, here: Path) -> str:
    """A path from the project's folder if the thing is a file or folder in it, or recorded there; empty if not."""
    for start in (here, root):
        path = (start / thing).absolute()
        if path.exists() and path.is_relative_to(root) and path != root:
            return path.relative_to(root).as_posix()
    recorded = thing.split("/", maxsplit=1)[0] in ("data", "models", "reports", "results") and thing.count("/") > 1
    return thing if recorded else ""
