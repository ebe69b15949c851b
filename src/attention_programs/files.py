"""Writing files atomically and deterministically; reading them with clear errors."""

import contextlib
import errno
import hashlib
import io
import json
import math
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attention_programs.errors import UserError
from attention_programs.renamed import COLUMNS, FILES, current_columns, current_file

if TYPE_CHECKING:  # pandas and YAML are imported where they are used, as not every command needs them
    import pandas as pd

DIGITS = 6
"""Decimals kept in committed numbers: far finer than any uncertainty, far coarser than floating-point noise."""
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")


MORE_SPACE = "free some space and run the same command again: finished parts are kept"
"""The remedy where the disk is full."""


def is_full_disk(error: Exception) -> bool:
    """Whether an error says that the disk or somebody's share of it is full; not all libraries raise OSError for it.

    >>> is_full_disk(RuntimeError("I/O error: No space left on device (os error 28)"))
    True
    >>> is_full_disk(PermissionError(13, "Permission denied"))
    False
    """
    full = (errno.ENOSPC, errno.EDQUOT)
    return getattr(error, "errno", None) in full or any(os.strerror(number) in str(error) for number in full)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields a temporary path next to ``path``, and renames it into place on success.

    Works for files and folders. On failure ``path`` is left untouched.

    Raises:
        UserError: if the disk is full, the location is not writable, or a file would replace a folder.
    """
    unfinished = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove(unfinished)
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        yield unfinished
        _put(unfinished, path)
    except OSError as error:
        if error.filename is None or str(unfinished) in str(error.filename):
            raise _unwritable(path, error) from error
        raise
    finally:
        _remove(unfinished)


def _unwritable(path: Path, error: OSError) -> UserError:
    return UserError(f"cannot write {path}: {error.strerror or error}; free some space or fix the folder's permissions")


def _put(unfinished: Path, path: Path) -> None:
    """Renames ``unfinished`` to ``path``; an existing folder is removed only after the new one is in place."""
    if not path.is_dir():
        os.replace(unfinished, path)
        return
    if not unfinished.is_dir():
        raise UserError(f"{path} is a folder and would be overwritten; give the path of a file")
    old = path.with_name(f".{path.name}.old")
    _remove(old)
    os.replace(path, old)
    try:
        os.replace(unfinished, path)
    except OSError:
        os.replace(old, path)
        raise
    _remove(old)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def whole_characters(text: str) -> str:
    r"""The text in a form that UTF-8 can encode: lone surrogates (U+D800 to U+DFFF) become U+FFFD.

    >>> whole_characters("ok \ud83d") == "ok \ufffd"
    True
    """
    return _HALF_CHARACTER.sub("\ufffd", text)


def write_text(path: Path, text: str) -> None:
    """Writes ``text`` atomically (UTF-8, LF)."""
    with replacing(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8", newline="\n")


def rounded(value: Any, digits: int = DIGITS) -> Any:
    """Rounds floats inside nested dicts and lists; negative zero becomes zero.

    >>> rounded({"iou": 0.12345678, "heads": [1, -0.0]})
    {'iou': 0.123457, 'heads': [1, 0.0]}
    """
    return _changed(value, lambda number: round(number, digits) + 0.0)


def _changed(value: Any, change: Callable[[float], float | None]) -> Any:
    if isinstance(value, dict):
        return {key: _changed(inner, change) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_changed(inner, change) for inner in value]
    return change(value) if isinstance(value, float) else value


def write_json(path: Path, value: Any) -> None:
    """Writes JSON with sorted keys and rounded floats."""
    write_text(path, json.dumps(rounded(value), indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n")


def defined(value: Any) -> Any:
    """The value for JSON, with NaN replaced by null.

    >>> defined({"mean": 0.5, "low": float("nan"), "tasks": [float("nan")]})
    {'mean': 0.5, 'low': None, 'tasks': [None]}
    """
    return _changed(value, lambda number: None if math.isnan(number) else number)


def write_jsonl(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Writes one JSON object per line, keys sorted."""
    lines = (json.dumps(rounded(row), sort_keys=True, ensure_ascii=False, allow_nan=False) for row in rows)
    write_text(path, "".join(line + "\n" for line in lines))


def write_csv(path: Path, table: "pd.DataFrame") -> None:
    """Writes a table with rounded floats and no index; negative zero becomes zero."""
    import pandas as pd

    floats = [name for name in table.columns if pd.api.types.is_float_dtype(table[name])]
    table = table.assign(**{name: table[name].round(DIGITS) + 0.0 for name in floats})
    write_text(path, table.to_csv(index=False, float_format=f"%.{DIGITS}f", lineterminator="\n"))


def read_text(path: Path) -> str:
    """Reads UTF-8 text, with or without the byte-order mark that Excel and PowerShell add.

    Raises:
        UserError: if the file is missing, a folder, unreadable or not UTF-8; UTF-16 and UTF-32 are named.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist; check the path, or run `dvc repro` if a stage writes it") from error
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    encoding = json.detect_encoding(content)  # from the byte-order mark, or the zero bytes of the first characters
    if not encoding.startswith("utf-8"):
        raise UserError(f"{path} is {encoding[:6].upper()} text; save it as UTF-8")
    try:
        return io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig").read()
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text (byte {error.start}); convert it first") from error


def read_json(path: Path) -> Any:
    """Reads one JSON value.

    Raises:
        UserError: if the file is missing or malformed.
    """
    try:
        return json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise UserError(f"{path}, line {error.lineno}: not valid JSON ({error.msg})") from error


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """Reads one JSON object per line; blank lines are skipped.

    Raises:
        UserError: if the file is missing, or a line is not a JSON object or not Unicode text (the line is named).
    """
    rows = []
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise UserError(
                f"{path}, line {number}: not valid JSON ({error.msg}); each line must be one JSON object"
            ) from error
        if not isinstance(row, dict):
            raise UserError(f"{path}, line {number}: {type(row).__name__} instead of a JSON object")
        if "\\u" in line and _HALF_CHARACTER.search(json.dumps(row, ensure_ascii=False)):
            raise UserError(f"{path}, line {number}: lone surrogate (\\ud800 to \\udfff); correct the escape")
        rows.append(row)
    return rows


def read_yaml(path: Path) -> Any:
    """Reads YAML 1.2 as DVC does, which writes it: ``off`` is a string there, a boolean in YAML 1.1.

    Raises:
        UserError: if the file is missing or malformed; the line is named.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return YAML(typ="safe", pure=True).load(read_text(path))
    except (YAMLError, ValueError) as error:  # such as a date that does not exist
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        reason = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise UserError(f"{path}{line}: not valid YAML ({reason})") from error


def read_csv(
    path: Path, files: Mapping[str, str] = FILES, columns: Mapping[str, Mapping[str, str]] = COLUMNS
) -> "pd.DataFrame":
    """Reads a table that :func:`write_csv` wrote, under its current names or those of the last release.

    ``files`` maps old file names to new ones; ``columns`` does the same for columns, by the file's new name.

    Raises:
        UserError: if the file is missing or malformed, or has the same thing under both names.
    """
    import pandas as pd

    text = io.StringIO(read_text(current_file(path, files)))
    try:
        return current_columns(pd.read_csv(text, keep_default_na=False, na_values=[""]), path, columns)
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise UserError(f"{path} is not a CSV table: {str(error).strip()}") from error


def records(table: "pd.DataFrame") -> list[Any]:
    """The rows of a table, with the columns as attributes."""
    return list(table.itertuples(index=False))


def sha256_text(text: str) -> str:
    """SHA-256 of a text's UTF-8 bytes, in hexadecimal."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def free_bytes(path: Path) -> int:
    """Free bytes on the disk of ``path`` (or of its nearest existing parent)."""
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free
