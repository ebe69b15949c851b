"""Files of texts that a user names on the command line, checked before anything is computed."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attention_programs.config import CorporaSettings, from_mapping
from attention_programs.corpora.sources import load_corpus, passages
from attention_programs.corpora.splitting import check_disjoint, split_corpus
from attention_programs.errors import UserError
from attention_programs.files import read_text, sha256_file
from attention_programs.project.choices import find_or_write, safe_name

SHARES = {"validation_share": 0.2, "test_share": 0.25}
"""As for the texts that ship."""
_HEAD = "# Written by `attention-programs reproduce --corpus`.\n"


def choose_corpora(files: Sequence[str], root: Path, here: Path, seed: int = 0) -> str:
    """Checks files of texts, and finds their settings in ``conf/corpora`` or writes them.

    Args:
        files: ``FILE`` or ``NAME=FILE``: JSONL with a ``text`` in each line, or plain text (``.txt``) whose passages
            are separated by blank lines. Without a name, the corpus is called after its file.
        root: The project's folder.
        here: The folder that a relative path starts from.
        seed: Seed of the splits.

    Returns:
        The name of the file in ``conf/corpora``.

    Raises:
        UserError: for the first bad file, naming the line; or if there are too few texts.
    """
    sources = [_source(file, root, here) for file in files]
    settings = from_mapping(CorporaSettings, {"name": "own", "sources": sources, **SHARES}, "--corpus")
    check_disjoint(
        [
            text
            for source in settings.sources
            for text in split_corpus(source.name, load_corpus(source, root), settings, seed)
        ]
    )

    def content(name: str) -> dict[str, Any]:
        return {"name": name, "sources": sources, **SHARES, "limit": 0}

    return find_or_write(root, "corpora", safe_name("-".join(s.name for s in settings.sources)), content, head=_HEAD)


def _source(given: str, root: Path, here: Path) -> dict[str, str]:
    name, named, file = given.partition("=")
    path = here / Path(file if named else given).expanduser()
    _check(path)
    path = path.resolve()
    inside = path.is_relative_to(root.resolve())
    return {
        "name": safe_name(name if named else path.stem),
        "source": "file",
        "location": path.relative_to(root.resolve()).as_posix() if inside else str(path),
        "sha256": sha256_file(path),
    }


def _check(path: Path) -> None:
    """Raises for the first line that is not a text."""
    if path.suffix not in (".jsonl", ".txt"):
        raise UserError(f"{path}: give .jsonl with a text in each line, or .txt with blank lines between texts")
    content = read_text(path)
    if path.suffix == ".txt":
        if not passages(content):
            raise UserError(f"{path} holds no text; write passages with blank lines between them")
        return
    for number, line in enumerate(content.split("\n"), start=1):
        if line.strip():
            _check_line(line, f"{path}, line {number}")


def _check_line(line: str, place: str) -> None:
    example = '{"text": "Once upon a time ..."}'
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise UserError(f"{place}: not valid JSON ({error.msg}); write {example}") from error
    text = row.get("text") if isinstance(row, dict) else None
    if not isinstance(text, str) or not text.strip():
        raise UserError(f'{place}: no "text" that is a string and not blank; write {example}')
