"""What a program in the paper format gets instead of spaCy and transformers.

The stubs know only one text, so a program's module is loaded again for each text, with new stub modules. This file and
its imports need only NumPy and the standard library, as nothing else is loaded where they run.
"""

import functools
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from attention_programs.untrusted.paper_format.document import Document, Span
from attention_programs.untrusted.paper_format.encoded_batch import Tensor
from attention_programs.untrusted.paper_format.sentence import PaperText
from attention_programs.untrusted.paper_format.spacy_token import Token
from attention_programs.untrusted.paper_format.stub import MissingHelpers, Stub, StubModule
from attention_programs.untrusted.paper_format.tokenizer import Tokenizer

_TOKENIZERS = (
    "AutoTokenizer BertTokenizer BertTokenizerFast GPT2Tokenizer GPT2TokenizerFast LlamaTokenizer LlamaTokenizerFast "
    "PreTrainedTokenizer PreTrainedTokenizerBase PreTrainedTokenizerFast"
).split()


class Parser(Stub):
    """spaCy's pipeline for one sentence."""

    stands_for = "a spaCy pipeline"

    def __init__(self, text: PaperText) -> None:
        self._sentence = text.sentence
        self._parsed = bool(text.annotations) or not text.sentence
        self._document = Document(text.annotations)

    def __call__(self, sentence: str, **_: Any) -> Document:
        """The parsed sentence, the same object each time.

        Raises:
            ValueError: for any other string, or if the sentence was not parsed.
        """
        if sentence != self._sentence:
            raise ValueError(f"{str(sentence)[:60]!r} is not the text's sentence, and this parser knows the text alone")
        if not self._parsed:
            raise ValueError("the text was not parsed, because the program does not import spaCy by name")
        return self._document

    def pipe(self, sentences: Iterable[str], **_: Any) -> Iterator[Document]:
        """Each string parsed."""
        return map(self, sentences)


def stub_modules(text: PaperText) -> dict[str, types.ModuleType]:
    """The modules ``spacy``, ``spacy.tokens``, ``transformers`` and ``helpers`` for one text."""
    parser = functools.cache(lambda: Parser(text))  # created on demand, whatever pipeline is loaded
    tokens = StubModule("spacy.tokens")
    vars(tokens).update({"Doc": Document, "Span": Span, "Token": Token})
    spacy = StubModule("spacy")
    vars(spacy).update({"load": lambda *_, **__: parser(), "tokens": tokens, "Language": Parser})
    transformers = StubModule("transformers")
    vars(transformers).update(dict.fromkeys(_TOKENIZERS, Tokenizer))
    helpers = MissingHelpers("helpers")
    return {"spacy": spacy, "spacy.tokens": tokens, "transformers": transformers, "helpers": helpers}


def call(function: Callable[[str, Tokenizer], Any], text: PaperText) -> Any:
    """Calls a program on its text.

    Returns:
        The matrix that it returned, alone or as ``(name, matrix)``; anything else unchanged.
    """
    result = function(text.sentence, Tokenizer(text))
    matrix = result[1] if isinstance(result, tuple) and len(result) == 2 else result
    return matrix.view(np.ndarray) if isinstance(matrix, Tensor) else matrix
