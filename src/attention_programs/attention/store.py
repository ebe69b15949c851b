"""Attention maps on disk, read: Arrow files of a few texts each, with an index of what they hold."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from attention_programs.attention.packing import cell_count, unpack
from attention_programs.corpora.text import Split, Text
from attention_programs.errors import UserError
from attention_programs.files import read_json
from attention_programs.models.head import Head
from attention_programs.models.sequence import TokenSequence
from attention_programs.models.token_style import TokenStyle

SCHEMA_VERSION = 1
INDEX_NAME = "index.json"


@dataclass(frozen=True, kw_only=True)
class MappedText(TokenSequence):
    """A text as the model saw it, with the maps of every studied head."""

    key: str = ""
    corpus: str = ""
    split: Split = "test"
    cells: NDArray[np.floating]
    """Packed maps, shape (heads, cells), rows summing to 1."""

    @property
    def maps(self) -> NDArray[np.floating]:
        """The maps of all heads, shape (heads, n, n)."""
        return unpack(self.cells, len(self.ids), self.causal)

    def map(self, head: int) -> NDArray[np.float32]:
        """The map of one head by its number, shape (n, n)."""
        return unpack(self.cells[head], len(self.ids), self.causal).astype(np.float32)

    def of(self, text: Text) -> "MappedText":
        """The same under the key, corpus and split of a text."""
        return replace(self, key=text.key, corpus=text.corpus, split=text.split)

    def halved(self) -> "MappedText":
        """The same with maps in half precision, as they are stored: half the memory, and nothing is lost."""
        return replace(self, cells=self.cells.astype(np.float16))

    def of_heads(self, heads: Sequence[int]) -> "MappedText":
        """The same with the maps of some heads, by their numbers."""
        return replace(self, cells=self.cells[list(heads)])


@dataclass(frozen=True)
class AttentionIndex:
    """What a folder of maps holds."""

    schema_version: int
    model: str
    weights_sha256: str
    causal: bool
    max_tokens: int
    heads: list[str]
    shards: list[str]
    token_style: TokenStyle

    @property
    def head_list(self) -> list[Head]:
        """The studied heads, in the order of the maps."""
        return [Head.parse(name) for name in self.heads]


def read_index(folder: Path) -> AttentionIndex:
    """Reads what a folder of maps holds.

    Raises:
        UserError: if there is none, or it is damaged or of another schema.
    """
    try:
        values = read_json(folder / INDEX_NAME)
        index = AttentionIndex(**{**values, "token_style": TokenStyle.from_json(values["token_style"])})
    except (KeyError, TypeError) as error:
        raise UserError(f"{folder / INDEX_NAME} is no index of maps ({error}); run `dvc repro attention`") from error
    if index.schema_version != SCHEMA_VERSION:
        raise UserError(
            f"{folder} has schema {index.schema_version}, this version reads {SCHEMA_VERSION}; extract anew"
        )
    return index


def read_texts(folder: Path, splits: Sequence[Split]) -> list[MappedText]:
    """The texts of the given splits in the order of :func:`read_maps`, without their maps: shape (heads, 0)."""
    return list(_read(folder, splits, None, maps=False))


def read_maps(folder: Path, splits: Sequence[Split], texts: Sequence[str] | None = None) -> Iterator[MappedText]:
    """Yields the mapped texts of the given splits, one at a time, in the order of the files.

    Args:
        folder: The folder of maps.
        splits: Splits to read.
        texts: Keys to read; all if None.

    Raises:
        UserError: if a file of maps is missing.
    """
    yield from _read(folder, splits, texts, maps=True)


def _read(folder: Path, splits: Sequence[Split], texts: Sequence[str] | None, maps: bool) -> Iterator[MappedText]:
    """The texts of some splits and keys; their maps, which are most of a file, are left where they are if not asked."""
    index = read_index(folder)
    for file in index.shards:
        if not (folder / file).is_file():
            raise UserError(f"{folder / file} is missing; run `dvc repro attention`")
        table = pa.ipc.open_stream(pa.memory_map(str(folder / file))).read_all()
        for row in range(table.num_rows):
            split = table["split"][row].as_py()
            key = table["key"][row].as_py()
            if split not in splits or (texts is not None and key not in texts):
                continue
            ids = table["ids"][row].as_py()
            cells = np.zeros((len(index.heads), 0), np.float32)
            if maps:
                flat = table["attention"][row].values.to_numpy(zero_copy_only=False).astype(np.float32)
                cells = flat.reshape(len(index.heads), cell_count(len(ids), index.causal))
            yield MappedText(
                key=key,
                corpus=table["corpus"][row].as_py(),
                split=split,
                ids=tuple(ids),
                pieces=tuple(table["pieces"][row].as_py()),
                cells=cells,
                causal=index.causal,
                special_ids=index.token_style.special_ids,
            )
