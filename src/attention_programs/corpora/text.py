"""The record of one text."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

import numpy as np

from attention_programs.errors import UserError
from attention_programs.files import read_jsonl, sha256_text, write_jsonl

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)
"""``train`` for prompts and fits, ``validation`` for choices, ``test`` for every reported number."""


@dataclass(frozen=True)
class Text:
    """One text with its corpus and split; its key is the hash of its normalised content."""

    key: str
    corpus: str
    split: Split
    content: str


def text_key(content: str) -> str:
    r"""Key of a text: equal for texts that differ only in case or whitespace, so that none leaks into another split.

    >>> text_key("The  cat") == text_key("the cat\n")
    True
    """
    return sha256_text(" ".join(content.casefold().split()))[:16]


def write_texts(path: Path, texts: list[Text]) -> None:
    """Writes the texts as JSONL."""
    write_jsonl(path, (asdict(text) for text in texts))


def read_texts(path: Path) -> list[Text]:
    """Reads texts written by :func:`write_texts`.

    Raises:
        UserError: if the file is missing or malformed, or a split is unknown.
    """
    texts = []
    for number, row in enumerate(read_jsonl(path), start=1):
        if set(row) != {"key", "corpus", "split", "content"} or row["split"] not in SPLITS:
            raise UserError(f"{path}, row {number}: not a text record; run `dvc repro corpora`")
        texts.append(Text(**row))
    return texts


Item = TypeVar("Item")


def evenly_spaced(items: Sequence[Item], count: int) -> list[Item]:
    """At most ``count`` items, evenly spaced from the first to the last; all if ``count`` is 0.

    >>> evenly_spaced("abcdefg", 3), evenly_spaced("ab", 3), evenly_spaced("ab", 0)
    (['a', 'd', 'g'], ['a', 'b'], ['a', 'b'])
    """
    places = np.linspace(0, len(items) - 1, min(count or len(items), len(items))).round().astype(int)
    return [items[place] for place in places.tolist()]


def describe(texts: list[Text]) -> dict[str, Any]:
    """Counts of texts by corpus and split."""
    counts: dict[str, Any] = {}
    for text in texts:
        counts.setdefault(text.corpus, dict.fromkeys(SPLITS, 0))[text.split] += 1
    return counts
