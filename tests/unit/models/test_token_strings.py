"""Strings of tokens, for the three kinds of tokenizers."""

import json

import pytest
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from attention_programs.models.token_strings import TokenStrings
from conftest import SENTENCES, tiny_model


@pytest.fixture(scope="module")
def sentence_pieces() -> transformers.PreTrainedTokenizerFast:
    """As SentencePiece writes them: a bar for a space, unknown characters as bytes."""
    core = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True))
    core.pre_tokenizer = pre_tokenizers.Metaspace()
    core.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(), decoders.Fuse()])
    special = ["<unk>", "<s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    core.train_from_iterator(SENTENCES, trainers.BpeTrainer(vocab_size=400, special_tokens=special))
    content = json.loads(core.to_str())
    content["added_tokens"] = content["added_tokens"][:2]  # bytes are plain entries of such a vocabulary
    core = Tokenizer.from_str(json.dumps(content))
    return transformers.PreTrainedTokenizerFast(tokenizer_object=core, unk_token="<unk>", bos_token="<s>")


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_byte_level_pieces_joined_give_the_text_back(text: str) -> None:
    loaded = tiny_model("llama")
    ids = loaded.encode(text, 10_000)
    token_strings = loaded.token_strings(ids)
    assert len(token_strings) == len(ids)
    if "\ufffd" not in "".join(token_strings):
        assert "".join(token_strings) == text


@pytest.mark.parametrize("text", [*SENTENCES, "  two  spaces\n\tand a tab ", "a" * 50])
def test_byte_level_pieces_of_plain_text_are_exact(text: str) -> None:
    loaded = tiny_model("llama")
    assert "".join(loaded.token_strings(loaded.encode(text, 10_000))) == text


def test_parts_of_a_character_show_as_the_replacement_character() -> None:
    loaded = tiny_model("llama")
    token_strings = loaded.token_strings(loaded.encode("é🎈", 100))
    assert len(token_strings) == 6
    assert set(token_strings) == {"\ufffd"}


def test_words_keep_the_space_in_front() -> None:
    loaded = tiny_model("llama")
    token_strings = loaded.token_strings(loaded.encode("The two frogs in the pond.", 100))
    assert any(token_string.startswith(" ") and len(token_string) > 1 for token_string in token_strings)


def test_special_tokens_show_as_they_are_written() -> None:
    for family in ("llama", "bert"):
        loaded = tiny_model(family)
        assert loaded.token_strings([1, 2]) == ("[PAD]", "[MASK]")


def test_word_pieces_lose_their_marks() -> None:
    loaded = tiny_model("bert")
    token_strings = loaded.token_strings(loaded.encode("the frogs, quietest", 100))
    assert token_strings[0] == "[CLS]"
    assert token_strings[-1] == "[SEP]"
    assert "".join(token_strings[1:-1]) == " the frogs , quietest"
    assert not any("##" in token_string for token_string in token_strings)


def test_sentence_pieces_show_spaces_and_bytes(sentence_pieces: transformers.PreTrainedTokenizerFast) -> None:
    token_strings = TokenStrings(sentence_pieces)
    for text in SENTENCES:
        assert "".join(token_strings(sentence_pieces(text).input_ids)) == " " + text
    unknown = token_strings(sentence_pieces("é").input_ids)
    assert unknown[0] == " "
    assert unknown[1:] == ("\ufffd", "\ufffd")
    assert token_strings([1]) == ("<s>",)


def test_pieces_of_an_id_do_not_depend_on_what_stands_around_it() -> None:
    loaded = tiny_model("gpt2")
    ids = loaded.encode(SENTENCES[1], 100)
    fresh = TokenStrings(loaded.tokenizer)
    assert tuple(fresh([token])[0] for token in reversed(ids)) == tuple(reversed(loaded.token_strings(ids)))


def test_an_id_outside_of_the_vocabulary_has_a_piece() -> None:
    assert tiny_model("llama").token_strings([10_000]) == ("\ufffd",)
