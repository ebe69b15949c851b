"""Tokenizers of every make: what stands around a text, how it is cut, what is never taken for a special token."""

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors

from attention_programs.attention.extraction import extract
from attention_programs.attention.writing import extract_to_folder
from attention_programs.config import AttentionSettings, ModelSettings
from attention_programs.corpora.text import Text
from attention_programs.errors import UserError
from attention_programs.models.fetching import fetch_model
from attention_programs.models.loading import LoadedModel, load_model
from attention_programs.models.text_tokenizer import TextTokenizer
from attention_programs.models.token_strings import TokenStrings
from attention_programs.surrogate.losses import batch_losses, ids_losses, text_losses
from attention_programs.surrogate.windows import cut
from conftest import BOS, EOS, SENTENCES, tiny_model, with_template


def text_of(content: str) -> Text:
    return Text("key", "stories", "test", content)


TEMPLATES = [("$A", []), ("[CLS] $A", [BOS]), ("$A [SEP]", []), ("[CLS] $A [SEP]", [BOS])]


@pytest.mark.parametrize(("template", "opening"), TEMPLATES)
def test_a_text_for_a_causal_model_opens_with_what_stands_in_front_and_loses_no_token(
    template: str, opening: list[int]
) -> None:
    loaded = with_template(template)
    own = tiny_model("llama").encode(SENTENCES[0], 100)
    assert list(loaded.template.opening) == opening
    assert loaded.encode(SENTENCES[0], 100) == opening + own
    assert loaded.encode(SENTENCES[0], 6) == (opening + own)[:6]
    windows = cut(loaded, [text_of(SENTENCES[0])], 6, 2)
    room = 6 - len(opening)
    assert windows.ids[0] == opening + own[:room]


def test_an_encoders_texts_end_as_it_learned_them() -> None:
    bert = tiny_model("bert")
    assert bert.template == type(bert.template)((BOS,), (EOS,))
    ids = bert.encode(SENTENCES[0], 6)
    assert (ids[0], ids[-1], len(ids)) == (BOS, EOS, 6)
    assert ids[1:-1] == bert.own_tokens(SENTENCES[0])[:4]


@pytest.mark.parametrize(("template", "opening"), TEMPLATES)
def test_the_loss_of_windows_equals_a_loop_by_hand(template: str, opening: list[int]) -> None:
    loaded = with_template(template)
    content, room = f"{SENTENCES[4]} {SENTENCES[0]}", 12 - len(opening)
    own = tiny_model("llama").encode(content, 1000)
    total, tokens = 0.0, 0
    for start in range(0, 3 * room, room):
        ids = torch.tensor([opening + own[start : start + room]])
        with torch.inference_mode():
            logits = loaded.model(ids).logits[0].double().log_softmax(-1)
        for place in range(ids.shape[1] - 1):
            total -= float(logits[place, ids[0, place + 1]])
            tokens += 1
    windows = cut(loaded, [text_of(content)], 12, 3)
    (loss,) = windows.by_text(ids_losses(loaded, windows.ids, 2))
    assert loss.tokens == tokens
    assert loss.loss_sum == pytest.approx(total, rel=1e-5)


def test_a_template_that_leaves_no_room_is_an_error() -> None:
    loaded = with_template("[CLS] [CLS] $A [SEP]")
    assert loaded.encode("The two", 3)[:2] == [BOS, BOS]
    with pytest.raises(UserError, match=r"max_tokens is 2, .* puts 2 special tokens around a text; raise"):
        loaded.encode("The two", 2)


def test_a_text_without_tokens_is_noticed_behind_an_opening(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no tokens"):
        extract_to_folder(with_template("[CLS] $A"), [text_of("")], AttentionSettings(), tmp_path)


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_first_tokens_are_taken_whatever_side_the_tokenizer_cuts_and_fills(side: str) -> None:
    loaded = with_template("[CLS] $A", truncation_side=side, padding_side=side)
    loaded.tokenizer(SENTENCES[:2], truncation=True, max_length=4, padding=True)  # leaves the backend cutting
    expected = [BOS, *tiny_model("llama").encode(SENTENCES[0], 5)]
    assert loaded.encode(SENTENCES[0], 6) == expected
    assert loaded.pad([expected, expected[:2]]).mask.tolist() == [[1] * 6, [1, 1, 0, 0, 0, 0]]
    assert cut(loaded, [text_of(SENTENCES[0])], 6, 1).ids == [expected]


@pytest.mark.parametrize("family", ["llama", "gpt2", "bert"])
def test_a_pad_token_without_an_embedding_changes_nothing(family: str) -> None:
    loaded = tiny_model(family)
    tokenizer = copy.deepcopy(loaded.tokenizer)
    tokenizer.add_special_tokens({"pad_token": "<pad>"})
    other = replace(loaded, tokenizer=tokenizer)
    assert tokenizer.pad_token_id >= len(loaded.model.get_input_embeddings().weight)
    texts = [loaded.encode(text, 20) for text in ("The two", SENTENCES[0])]
    heads = loaded.record.heads
    for ours, theirs in zip(next(extract(other, [texts], heads)), next(extract(loaded, [texts], heads)), strict=True):
        np.testing.assert_allclose(ours.entries, theirs.entries, atol=1e-6)
    with torch.inference_mode():
        for ours, theirs in zip(batch_losses(other, texts), batch_losses(loaded, texts), strict=True):
            assert ours.loss_sum == pytest.approx(theirs.loss_sum, rel=1e-5)


def test_a_loaded_models_own_tokenizer_pads_with_a_token_that_has_an_embedding(tmp_path: Path) -> None:
    loaded = tiny_model("llama")
    tokenizer = copy.deepcopy(loaded.tokenizer)
    tokenizer.add_special_tokens({"pad_token": "<pad>"})
    loaded.model.save_pretrained(tmp_path / "original")
    tokenizer.save_pretrained(tmp_path / "original")
    fetch_model(ModelSettings("x", "folder", str(tmp_path / "original")), tmp_path / "x")
    found = load_model(tmp_path / "x")
    padded = found.tokenizer(list(SENTENCES[:2]), padding=True, return_tensors="pt")
    with torch.inference_mode():
        assert torch.isfinite(found.model(**padded).logits).all()
    assert not {found.tokenizer.pad_token} & set(found.token_style.special) - {"[UNK]"}


def test_a_token_without_an_embedding_is_named(tmp_path: Path) -> None:
    loaded = tiny_model("llama")
    tokenizer = copy.deepcopy(loaded.tokenizer)
    tokenizer.add_tokens(["frogs"])
    with pytest.raises(UserError, match=r"has token \d+, 'frogs', but tiny-llama has embeddings for only \d+ tokens"):
        extract_to_folder(
            replace(loaded, tokenizer=tokenizer), [text_of(SENTENCES[0])], AttentionSettings(), tmp_path / "maps"
        )


# Special tokens in texts


def unigram() -> Any:
    special = ["<unk>", "<s>", "</s>"]
    letters = ["▁", *"<s>/abcdefgh", "▁a", "▁the"]
    core = Tokenizer(
        models.Unigram([(t, 0.0) for t in special] + [(t, -2.0 - i / 100) for i, t in enumerate(letters)], 0)
    )
    core.pre_tokenizer = pre_tokenizers.Metaspace()
    core.decoder = decoders.Metaspace()
    core.add_special_tokens(special)
    core.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)])
    return core


def sentence_piece_bpe() -> Any:
    special = ["<unk>", "<s>", "</s>"]
    vocabulary = {token: i for i, token in enumerate([*special, "▁", *"<s>/abc", "▁a", "ab"])}
    core = Tokenizer(models.BPE(vocabulary, [("▁", "a"), ("a", "b")], unk_token="<unk>", ignore_merges=True))
    core.pre_tokenizer = pre_tokenizers.Metaspace()
    core.decoder = decoders.Metaspace()
    core.add_special_tokens(special)
    core.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return core


def words() -> Any:
    core = Tokenizer(models.WordLevel({"<unk>": 0, "<s>": 1, "</s>": 2, "a": 3, "b": 4, "<": 5, "s": 6}, "<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    core.add_special_tokens(["<unk>", "<s>", "</s>"])
    core.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return core


def byte_level() -> Any:
    core = Tokenizer.from_str(tiny_model("llama").tokenizer.backend_tokenizer.to_str())
    core.add_special_tokens(["<s>", "</s>"])
    first, last = core.token_to_id("<s>"), core.token_to_id("</s>")
    core.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", first), ("</s>", last)]
    )
    return core


@pytest.mark.parametrize("make", [unigram, sentence_piece_bpe, words, byte_level])
@pytest.mark.parametrize("text", ["<s> a b", "a </s> b", "<s>", "a<s>b", "</s></s>"])
def test_no_text_is_taken_for_a_special_token(make: Any, text: str) -> None:
    core = make()
    names = {"unk_token": "<unk>"} if core.token_to_id("<unk>") is not None else {}
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=core, bos_token="<s>", eos_token="</s>", **names)
    special = {core.token_to_id("<s>"), core.token_to_id("</s>")}
    own = TextTokenizer(tokenizer)
    assert own(text)
    assert not special & set(own(text))
    assert own("a b") == tokenizer("a b", add_special_tokens=False).input_ids


def test_a_text_that_begins_with_the_opening_has_one_all_the_same() -> None:
    loaded = with_template("[CLS] $A")
    ids = loaded.encode("[CLS] The two [SEP] frogs", 100)
    assert (ids.count(BOS), ids.count(EOS)) == (1, 0)
    assert "".join(loaded.token_strings(ids)[1:]) == "[CLS] The two [SEP] frogs"
    (loss,) = text_losses(loaded, ["[SEP]"], 100)
    assert loss.tokens == len(loaded.encode("[SEP]", 100)) - 1 > 1


# Added tokens


@pytest.mark.parametrize("added", ["café", "đem", "Zürich", "naïve", "Ġx", "日本", "plain", "  "])
def test_an_added_token_shows_as_its_own_text(added: str) -> None:
    tokenizer = copy.deepcopy(tiny_model("llama").tokenizer)
    tokenizer.add_tokens([AddedToken(added, normalized=False)])
    ids = TextTokenizer(tokenizer)(f"a{added}b")
    assert TokenStrings(tokenizer)(ids) == ("a", added, "b")


# Texts as long as a model's positions


def roberta() -> LoadedModel:
    loaded = tiny_model("bert")
    config = transformers.RobertaConfig(
        vocab_size=len(loaded.tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=64, max_position_embeddings=20, pad_token_id=1,
    )  # fmt: skip
    model = transformers.RobertaForMaskedLM(config).eval()
    model.set_attn_implementation("eager")
    return replace(loaded, model=model, record=replace(loaded.record, name="tiny-roberta", layers=2))


def test_positions_that_padding_takes_are_not_counted(tmp_path: Path) -> None:
    loaded, long = roberta(), " ".join(SENTENCES)
    assert loaded.max_tokens == 18
    ids = loaded.encode(long, 18)
    next(extract(loaded, [[ids, ids[:5]]], loaded.record.heads))
    for read in (lambda: loaded.encode(long, 20), lambda: text_losses(loaded, [long], 19)):
        with pytest.raises(UserError, match=r"attention.max_tokens allows \d+ tokens, but tiny-roberta reads only 18"):
            read()
    with pytest.raises(UserError, match="reads only 18; lower it"):
        extract_to_folder(loaded, [text_of(long)], AttentionSettings(max_tokens=20), tmp_path / "maps")
    assert loaded.encode("The two", 20)
