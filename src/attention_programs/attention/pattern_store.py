"""Reading attention patterns from disk: Arrow files of a few texts each, with an index."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from attention_programs.attention.packing import Packing, sampled_rows
from attention_programs.corpora.text import Split, Text
from attention_programs.errors import UserError
from attention_programs.files import read_json
from attention_programs.models.head import Head
from attention_programs.models.sequence import TokenSequence
from attention_programs.models.token_style import TokenStyle

SCHEMA_VERSION = 1
INDEX_NAME = "index.json"


@dataclass(frozen=True, kw_only=True)
class TextAttention(TokenSequence):
    """A text as the model saw it, with the pattern of every selected head."""

    key: str = ""
    corpus: str = ""
    split: Split = "test"
    rows: tuple[int, ...] = ()
    """Rows of the patterns that are kept, ascending; all if empty."""
    entries: NDArray[np.floating]
    """Packed patterns, shape (heads, entries), rows summing to 1."""

    @property
    def packing(self) -> Packing:
        """Where each weight is in ``entries``."""
        return Packing(len(self.ids), self.causal, self.rows)

    @property
    def patterns(self) -> NDArray[np.float32]:
        """The patterns of all heads, shape (heads, rows, n)."""
        return self.packing.unpack(self.entries).astype(np.float32, copy=False)

    def pattern(self, head: int) -> NDArray[np.float32]:
        """The pattern of one head by its index among the selected heads, shape (rows, n)."""
        return self.packing.unpack(self.entries[head]).astype(np.float32)

    def beginning(self, tokens: int) -> "TextAttention":
        """A causal model's first ``tokens`` tokens, whose patterns do not depend on the others."""
        packing = self.packing.beginning(tokens)
        return replace(
            self,
            ids=self.ids[:tokens],
            token_strings=self.token_strings[:tokens],
            rows=packing.kept if len(packing.rows) < tokens else (),
            entries=self.entries[:, : packing.entries],
        )

    @property
    def complete(self) -> "TextAttention":
        """Its beginning of which all rows are kept; the whole text if none is missing."""
        return self.beginning(self.packing.complete) if self.rows else self

    def of(self, text: Text) -> "TextAttention":
        """A copy with the key, corpus and split of a text."""
        return replace(self, key=text.key, corpus=text.corpus, split=text.split)

    def halved(self) -> "TextAttention":
        """A copy in half precision, in which patterns are stored anyway: half the memory, nothing lost."""
        return replace(self, entries=self.entries.astype(np.float16, copy=False))

    def of_heads(self, heads: Sequence[int]) -> "TextAttention":
        """A copy with the patterns of some heads only, by their indices."""
        return replace(self, entries=self.entries[list(heads)])


@dataclass(frozen=True)
class AttentionIndex:
    """The contents of a folder of patterns."""

    schema_version: int
    model: str
    weights_sha256: str
    causal: bool
    max_tokens: int
    heads: list[str]
    shards: list[str]
    token_style: TokenStyle
    max_rows: int = 0
    """Rows kept of a text; 0 is all."""

    @property
    def head_list(self) -> list[Head]:
        """The selected heads, in the order of the patterns."""
        return [Head.parse(name) for name in self.heads]


def read_index(folder: Path) -> AttentionIndex:
    """Reads the index of a folder of patterns.

    Raises:
        UserError: if it is missing, damaged or has another schema version.
    """
    try:
        values = read_json(folder / INDEX_NAME)
        index = AttentionIndex(**{**values, "token_style": TokenStyle.from_json(values["token_style"])})
    except (KeyError, TypeError) as error:
        raise UserError(
            f"{folder / INDEX_NAME} is not an index of attention patterns ({error}); run `dvc repro attention`"
        ) from error
    if index.schema_version != SCHEMA_VERSION:
        raise UserError(
            f"{folder} has schema {index.schema_version}, but this version reads {SCHEMA_VERSION}; extract again"
        )
    return index


def read_texts(folder: Path, splits: Sequence[Split]) -> list[TextAttention]:
    """The texts of the given splits in the order of :func:`read_patterns`, without patterns (shape (heads, 0))."""
    return list(read_patterns(folder, splits, patterns=False))


def read_patterns(
    folder: Path, splits: Sequence[Split], texts: Sequence[str] | None = None, patterns: bool = True
) -> Iterator[TextAttention]:
    """Yields the texts of the given splits with their patterns, one at a time, in stored order.

    Patterns are in half precision and mapped from their files, so that the system reads them when they are used and
    can forget them again.

    Args:
        folder: The folder of patterns.
        splits: Splits to read.
        texts: Keys of the texts to read; all if None.
        patterns: Whether to read the patterns, which are most of a file; if not, ``entries`` has shape (heads, 0).

    Raises:
        UserError: if a pattern file is missing.
    """
    index = read_index(folder)
    for file in index.shards:
        if not (folder / file).is_file():
            raise UserError(f"{folder / file} is missing; run `dvc repro attention`")
        table = pa.ipc.open_stream(pa.memory_map(str(folder / file))).read_all()
        for row, text in enumerate(table.drop_columns(["attention"]).to_pylist()):
            if text["split"] not in splits or (texts is not None and text["key"] not in texts):
                continue
            entries = np.zeros((len(index.heads), 0), np.float16)
            if patterns:
                entries = table["attention"][row].values.to_numpy().reshape(len(index.heads), -1)
            yield TextAttention(
                **{name: text[name] for name in ("key", "corpus", "split")},
                ids=tuple(text["ids"]),
                token_strings=tuple(text["pieces"]),
                rows=sampled_rows(len(text["ids"]), index.max_rows),
                entries=entries,
                causal=index.causal,
                special_ids=index.token_style.special_ids,
            )
