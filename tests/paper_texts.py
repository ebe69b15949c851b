"""Shared by the tests of the paper's form: parsed sentences, and a way to run a program next to them."""

import json
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import transformers
from tokenizers import Tokenizer as Core
from tokenizers import decoders, models, pre_tokenizers, processors, trainers

from attention_programs.models.loading import LoadedModel
from attention_programs.models.token_strings import TokenStrings
from attention_programs.models.token_style import TokenStyle
from attention_programs.programs.paper_source.dependencies import PaperFile, split
from attention_programs.untrusted.paper_format.annotation import Annotator
from attention_programs.untrusted.paper_format.sentence import PaperText
from attention_programs.untrusted.paper_format.stubs import call, stub_modules
from conftest import SENTENCES, tiny_model

DATA = Path(__file__).parent / "data"
ANNOTATIONS = DATA / "annotations.json"
PARSED = (SENTENCES[0], SENTENCES[1], SENTENCES[4])


@cache
def library() -> PaperFile:
    """The library of this folder, taken apart."""
    return split((DATA / "paper_library.py").read_text(encoding="utf-8"), "paper_library.py")


@cache
def parsed() -> list[dict[str, Any]]:
    """What spaCy made of the sentences (see ``test_annotations_are_those_of_spacy``)."""
    return json.loads(ANNOTATIONS.read_text(encoding="utf-8"))["sentences"]


def parse_anew() -> dict[str, Any]:
    """What spaCy makes of the sentences now; needs ``pip install .[linguistics]``.

    The file of annotations comes from ``python -c "import paper_texts; paper_texts.write()"``, in the folder of tests.
    """
    annotator = Annotator()
    rows = [
        {
            "sentence": sentence,
            "annotations": list(annotator.annotate(sentence)),
            "answers": answers(annotator._pipeline(sentence)),
        }
        for sentence in PARSED
    ]
    return {"versions": annotator.versions, "sentences": rows}


def write() -> None:
    """Writes the file of annotations."""
    text = json.dumps(parse_anew(), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    ANNOTATIONS.write_text(text.replace('{"annotations"', '\n{"annotations"') + "\n", encoding="utf-8")


def text_of(model: LoadedModel, sentence: str) -> PaperText:
    """A sentence as a model's tokenizer cuts it."""
    ids = model.encode(sentence, 10_000)
    return PaperText.of(ids, model.token_strings(ids), model.token_style)


def parsed_texts() -> list[PaperText]:
    """The parsed sentences for a byte-level model."""
    model = tiny_model("gpt2")
    return [replace(text_of(model, row["sentence"]), annotations=tuple(row["annotations"])) for row in parsed()]


def load(source: str, entry: str, modules: dict[str, Any]) -> Any:
    """The function of a source, with stand-in modules around it; for sources of this folder alone."""
    namespace: dict[str, Any] = {"__name__": "program"}
    with mock.patch.dict(sys.modules, modules):
        exec(source, namespace)
    return namespace[entry]


def run_beside(source: str, entry: str, text: PaperText) -> Any:
    """What a program of this folder returns for a text."""
    modules = stub_modules(text)
    function = load(source, entry, modules)
    with mock.patch.dict(sys.modules, modules):
        return call(function, text)


def answers(document: Any) -> dict[str, Any]:
    """What a parsed sentence says of the relations between its words; for spaCy's own and for the stand-in."""
    return {
        "words": [
            {
                "idx": token.idx,
                "head": token.head.i,
                "children": [other.i for other in token.children],
                "lefts": [other.i for other in token.lefts],
                "rights": [other.i for other in token.rights],
                "counts": [token.n_lefts, token.n_rights, len(token)],
                "ancestors": [other.i for other in token.ancestors],
                "subtree": [other.i for other in token.subtree],
                "edges": [token.left_edge.i, token.right_edge.i],
                "conjuncts": [other.i for other in token.conjuncts],
                "sentence": [token.sent.start, token.sent.end],
                "strings": [token.text_with_ws, token.orth_, token.lower_, token.prefix_, token.suffix_, str(token)],
                "features": [token.morph.to_dict(), str(token.morph), token.morph.get("Number")],
                "under_first": document[0].is_ancestor(token),
                "known": [token.has_dep(), token.has_head(), token.has_morph()],
            }
            for token in document
        ],
        "sentences": [_span(span) for span in document.sents],
        "noun_chunks": [_span(span) for span in document.noun_chunks],
        "entities": [_span(span) for span in document.ents],
        "slices": [_span(span) for span in (document[2:5], document[:-1], document[4:2], document[2:9][1:3])],
        "roots": [document[start : start + 3].root.i for start in range(len(document))],
        "text": [document.text, len(document), document[-1].i],
        "language": [document.lang_, document.has_annotation("DEP")],
        "common_ancestors": [document.get_lca_matrix().tolist(), document[1:6].get_lca_matrix().tolist()],
        "found": [_span(document.char_span(0, document[1].idx + len(document[1]))), document.char_span(1, 2) is None],
    }


def _span(span: Any) -> dict[str, Any]:
    place = [span.start, span.end, span.label_, len(span)]
    if not len(span):
        return {"place": place}
    characters = [span.start_char, span.end_char]
    strings = [span.text, span.text_with_ws, span.lemma_, str(span)]
    words = [[word.i for word in words] for words in (span.lefts, span.rights, span.subtree, span.conjuncts)]
    inner = [[part.start, part.end] for parts in (span.sents, span.ents, span.noun_chunks) for part in parts]
    return {
        "place": place,
        "characters": characters,
        "root": span.root.i,
        "strings": [*strings, span.orth_],
        "last": span[-1].i,
        "words": [*words, span.n_lefts, span.n_rights],
        "inner": inner,
    }


def sentence_pieces() -> tuple[Any, TokenStrings]:
    """A tokenizer as SentencePiece writes tokens, with a token in front and a byte for the end of a line."""
    core = Core(models.BPE(unk_token="<unk>", byte_fallback=True))
    core.pre_tokenizer = pre_tokenizers.Metaspace()
    core.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(), decoders.Fuse()])
    sentences = [sentence.replace("\n", " ") for sentence in SENTENCES]
    special = ["<unk>", "<s>", "<0x0A>"]
    core.train_from_iterator(sentences, trainers.BpeTrainer(vocab_size=300, special_tokens=special))
    content = json.loads(core.to_str())
    content["added_tokens"] = content["added_tokens"][:2]  # bytes are plain entries of such a vocabulary
    core = Core.from_str(json.dumps(content))
    core.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=core, unk_token="<unk>", bos_token="<s>")
    return tokenizer, TokenStrings(tokenizer)


def real_tokenizers() -> dict[str, tuple[Any, Any]]:
    """Tokenizers of transformers with what makes pieces of ids, by kind."""
    byte_level, word_piece = tiny_model("gpt2"), tiny_model("bert")
    return {
        "byte-level": (byte_level.tokenizer, byte_level.token_strings),
        "wordpiece": (word_piece.tokenizer, word_piece.token_strings),
        "sentencepiece": sentence_pieces(),
    }


REAL = real_tokenizers()


def paper_text(kind: str, sentence: str) -> PaperText:
    """A sentence as a tokenizer of a kind cuts it."""
    tokenizer, token_strings = REAL[kind]
    ids = tokenizer(sentence).input_ids
    return PaperText.of(ids, token_strings(ids), TokenStyle.of(tokenizer))
