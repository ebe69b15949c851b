"""Reads corpora: shipped or local files (JSONL, plain text), and data sets on the hub."""

import re
from dataclasses import replace
from pathlib import Path

from attention_programs.config import CorpusSettings
from attention_programs.corpora.schema import check_rows
from attention_programs.errors import UserError
from attention_programs.files import read_jsonl, read_text, sha256_file
from attention_programs.hub import explained

_BLANK_LINES = re.compile(r"\n(?:[^\S\n]*\n)+")


def _read_hub(settings: CorpusSettings) -> list[dict[str, object]]:
    if not settings.revision:
        raise UserError(f"corpus {settings.name!r}: data set {settings.location!r} has no revision; pin a commit")
    import datasets

    try:
        rows = datasets.load_dataset(
            settings.location, settings.subset or None, split=settings.split, revision=settings.revision
        )
    except Exception as error:  # the hub client raises many types, which all mean the same to the user
        reason = explained(error, f"datasets/{settings.location}")
        raise UserError(
            f"corpus {settings.name!r}: cannot read data set {settings.location!r} at {settings.revision[:8]} "
            f"({reason}); check the network, or export it to JSONL and set source: file"
        ) from error
    first, last = settings.rows
    if last:
        rows = rows.skip(first).take(last - first)
    return [dict(row) for row in rows]


def _read_file(settings: CorpusSettings, root: Path = Path()) -> list[dict[str, object]]:
    path = root / settings.location
    found = sha256_file(path) if settings.sha256 and path.is_file() else settings.sha256
    if found != settings.sha256:
        raise UserError(
            f"corpus {settings.name!r}: {settings.location} has SHA-256 {found}, expected {settings.sha256}; "
            "get the expected file, or correct sha256 in conf/corpora"
        )
    first, last = settings.rows
    if path.suffix == ".txt":
        return [{"text": passage} for passage in passages(read_text(path))[first : last or None]]
    return read_jsonl(path)[first : last or None]


def passages(content: str) -> list[str]:
    r"""The passages of a plain text, which blank lines separate.

    >>> passages("One\ntwo.\n\n \nThree.\n")
    ['One\ntwo.', 'Three.']
    """
    return [passage.strip() for passage in _BLANK_LINES.split(content) if passage.strip()]


def load_corpus(settings: CorpusSettings, root: Path = Path()) -> list[str]:
    """The contents of one corpus, in order, without duplicates.

    Raises:
        UserError: if the source can't be read, a file does not have the expected hash, or a row breaks a rule.
    """
    rows = _read_file(settings, root) if settings.source == "file" else _read_hub(settings)
    if settings.passage_words:
        rows = [row for row in rows if any(str(row.get(field) or "").strip() for field in settings.fields)]
    check_rows(rows, settings.fields, settings.location, settings.rows[0])
    contents = ["\n\n".join(str(row[field]).strip() for field in settings.fields) for row in rows]
    if settings.passage_words:
        contents = cut_into_passages("\n".join(contents), settings.passage_words)
    return list(dict.fromkeys(contents))


def cut_into_passages(content: str, words: int) -> list[str]:
    r"""Consecutive passages of so many words; a shorter rest is left out.

    >>> cut_into_passages("One two\n three four five", 2)
    ['One two', 'three four']
    """
    parts = re.findall(r"\S+\s*", content)
    found = ["".join(parts[start : start + words]) for start in range(0, len(parts) - words + 1, words)]
    return [passage.strip() for passage in found]


def load_test_rows(settings: CorpusSettings, root: Path = Path()) -> list[str]:
    """The contents of the test rows, as in :func:`load_corpus`; none if test texts are drawn from all rows."""
    return load_corpus(replace(settings, rows=settings.test_rows), root) if any(settings.test_rows) else []
