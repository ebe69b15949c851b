"""The stand-in for a tokenizer next to the real ones of each kind."""

import json
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attention_programs.models.token_style import TokenStyle
from attention_programs.untrusted.paper_format.sentence import PaperText, raw_tokens
from attention_programs.untrusted.paper_format.tokenizer import Tokenizer
from conftest import SENTENCES, tiny_model
from paper_texts import REAL, paper_text, text_of

KINDS = pytest.mark.parametrize("kind", sorted(REAL))


def test_sentences_come_back_from_their_pieces() -> None:
    """Otherwise the tests that compare whole sentences would compare nothing."""
    back = {kind: [paper_text(kind, sentence).sentence == sentence for sentence in SENTENCES] for kind in REAL}
    assert all(back["byte-level"])
    assert all(back["sentencepiece"])
    assert paper_text("wordpiece", "the frogs in the pond").sentence == "the frogs in the pond"


@KINDS
@settings(deadline=None, max_examples=60)
@given(st.text(st.characters(codec="utf-8"), max_size=30), st.sampled_from(SENTENCES))
def test_raw_tokens_are_those_of_the_tokenizer(kind: str, anything: str, sentence: str) -> None:
    tokenizer, token_strings = REAL[kind]
    style = TokenStyle.of(tokenizer)
    assert style.kind == kind
    for string in (sentence, anything, sentence + anything):
        ids = tokenizer(string).input_ids
        for raw, real, token_string in zip(
            raw_tokens(token_strings(ids), style), tokenizer.convert_ids_to_tokens(ids), token_strings(ids), strict=True
        ):
            assert raw == real or "\ufffd" in token_string


def test_parts_of_a_character_stay_what_they_show() -> None:
    assert raw_tokens([" é\ufffd", "\ufffd"], TokenStyle("byte-level")) == ("ĠÃ©\ufffd", "\ufffd")
    assert raw_tokens(["é", " é"], TokenStyle("byte-level", plain=("é",))) == ("é", "ĠÃ©")  # added to the vocabulary


def test_control_characters_of_sentence_pieces_are_bytes() -> None:
    style = TokenStyle.of(REAL["sentencepiece"][0])
    assert raw_tokens(["<s>", " a", "\n", "  ", "\ufffd"], style) == ("<s>", "▁a", "<0x0A>", "▁▁", "\ufffd")
    assert "<0x0A>" in REAL["sentencepiece"][0].tokenize("a\nb")
    assert raw_tokens(["\n"], TokenStyle("sentencepiece")) == ("\n",)  # a vocabulary that holds it, as Gemma's


@KINDS
def test_offsets_and_words_are_those_of_the_tokenizer(kind: str) -> None:
    tokenizer = REAL[kind][0]
    for sentence in (*SENTENCES, "the frogs in the pond", "x2  y\n\n\n  (z).. 3's\t"):
        text = paper_text(kind, sentence)
        real = tokenizer(sentence, return_offsets_mapping=True)
        ours = Tokenizer(text)(text.sentence, return_offsets_mapping=True)
        if text.sentence == sentence:
            assert ours["offset_mapping"] == real["offset_mapping"]
            assert ours.word_ids() == real.word_ids()
        assert ours.input_ids == real.input_ids
        assert ours.attention_mask == real["attention_mask"]
        assert ours.tokens() == real.tokens()


@KINDS
@given(st.data())
@settings(deadline=None, max_examples=40)
def test_encoding_has_the_real_ones_shapes(kind: str, data: Any) -> None:
    real = REAL[kind][0]
    text = paper_text(kind, "the frogs in the pond")
    special, tensors, batched = (data.draw(st.booleans()) for _ in range(3))
    given_ = [text.sentence] if batched else text.sentence
    options: dict[str, Any] = {"add_special_tokens": special, "return_tensors": "np" if tensors else None}
    ours, theirs = Tokenizer(text)(given_, **options), real(given_, **options)
    assert np.shape(ours.input_ids) == np.shape(theirs["input_ids"])
    np.testing.assert_array_equal(ours["input_ids"], theirs["input_ids"])
    assert type(Tokenizer(text).encode(text.sentence)) is list


def test_the_tokenizer_knows_its_text_and_says_so() -> None:
    text = text_of(tiny_model("gpt2"), SENTENCES[0])
    tokenizer, real = Tokenizer(text), tiny_model("gpt2").tokenizer
    ids = np.array(text.ids)
    assert (
        tokenizer.convert_ids_to_tokens(ids) == tokenizer.tokens() == list(text.tokens) == real.tokenize(SENTENCES[0])
    )
    assert tokenizer.convert_ids_to_tokens(ids[2]) == tokenizer.convert_ids_to_tokens(int(ids[2])) == text.tokens[2]
    assert tokenizer.convert_tokens_to_ids(list(text.tokens)) == list(text.ids)
    assert tokenizer.convert_tokens_to_ids(text.tokens[1]) == text.ids[1]
    assert tokenizer.decode(ids) == SENTENCES[0] == tokenizer.convert_tokens_to_string(text.tokens)
    assert tokenizer.batch_decode([[ids[0]], ids[:2]]) == [text.token_strings[0], "".join(text.token_strings[:2])]
    assert (len(tokenizer), bool(tokenizer), tokenizer.pad_token) == (len(real), True, "[PAD]")
    assert tokenizer.tokenize("frogs") == tokenizer.tokenize(" frogs")
    assert "".join(tokenizer.tokenize("in the pond")).replace("Ġ", " ") == " in the pond"
    assert tokenizer.encode("") == []
    ids_array = tokenizer(SENTENCES[0], return_tensors="pt").to("cpu")["input_ids"]
    assert (ids_array.size(), ids_array.size(1), ids_array.size) == ((1, len(ids)), len(ids), len(ids))
    assert type(ids_array[0].detach().cpu().numpy()) is np.ndarray
    for failing, words in (
        (
            lambda: tokenizer("toads"),
            "'toads' is no run of tokens of the text, and this tokenizer knows the text alone",
        ),
        (lambda: tokenizer(SENTENCES[0] * 9), r"'The two frogs.*\.\.\. is no run"),
        (lambda: tokenizer.decode([10**6]), "id 1000000 is none of the text's"),
        (lambda: tokenizer.convert_ids_to_tokens(-1), "id -1 is none of the text's"),
        (lambda: tokenizer.convert_tokens_to_ids(["Ġtoads"]), "token 'Ġtoads' is none of the text's"),
        (lambda: tokenizer("The", "two"), "pairs of strings"),
        (lambda: Tokenizer.from_pretrained("gpt2"), "tokenizer 'gpt2' can't be loaded here"),
    ):
        with pytest.raises(ValueError, match=words):
            failing()
    with pytest.raises(AttributeError, match="an encoding has input_ids, attention_mask, no 'pixels'"):
        tokenizer("two").pixels  # noqa: B018


def test_special_tokens_keep_their_places() -> None:
    text = paper_text("wordpiece", "the frogs in the pond")
    tokenizer, real = Tokenizer(text), REAL["wordpiece"][0]
    assert text.tokens[0] == "[CLS]"
    assert tokenizer.tokenize("frogs") == real.tokenize("frogs")
    assert tokenizer.encode("frogs") == real.encode("frogs")
    assert (
        tokenizer("frogs", return_offsets_mapping=True).offset_mapping
        == (real("frogs", return_offsets_mapping=True)["offset_mapping"])
    )
    assert tokenizer.decode(text.ids, skip_special_tokens=True) == "the frogs in the pond"
    assert set(tokenizer.all_special_ids) == {text.ids[0], text.ids[-1]}
    assert tokenizer.convert_ids_to_tokens(text.ids, skip_special_tokens=True) == real.tokenize(text.sentence)
    assert (tokenizer.unk_token, tokenizer.unk_token_id) == ("[UNK]", None)


@given(
    st.lists(st.tuples(st.integers(0, 9), st.sampled_from([" a", "b", "<s>", "é", "\ufffd", "\n"])), max_size=8),
    st.sampled_from(["byte-level", "sentencepiece", "wordpiece"]),
)
def test_a_text_survives_json(tokens: list[tuple[int, str]], kind: Any) -> None:
    style = TokenStyle(kind, ("<s>",), {"bos_token": "<s>"}, 10)
    text = PaperText.of([i for i, _ in tokens], [token_string for _, token_string in tokens], style)
    text = replace(text, annotations=({"text": "b"},))
    assert text.sentence == "".join(text.sentence[start:end] for start, end in text.offsets) or kind == "wordpiece"
    assert PaperText.from_json(json.loads(json.dumps(asdict(text)))) == text
