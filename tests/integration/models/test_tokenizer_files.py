"""Tokenizers' files: what they say counts, whatever class or converter reads them."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from gguf import GGUFWriter
from tokenizers import Regex, Tokenizer, pre_tokenizers

from attention_programs.config import ModelSettings
from attention_programs.errors import UserError
from attention_programs.files import read_json, write_json
from attention_programs.models.fetching import fetch_model
from attention_programs.models.gguf_rule import RULES, apply_rule
from attention_programs.models.loading import LoadedModel, load_model
from attention_programs.models.tokenizer_file import load_tokenizer
from conftest import BOS, EOS, SENTENCES, tiny_model, with_template


def saved(loaded: LoadedModel, folder: Path, core: Tokenizer, **config: Any) -> str:
    loaded.model.save_pretrained(folder)
    core.save(str(folder / "tokenizer.json"))
    write_json(folder / "tokenizer_config.json", config)
    return str(folder)


@pytest.mark.parametrize("name", ["GPT2Tokenizer", "GPT2TokenizerFast", "Qwen2Tokenizer", "PreTrainedTokenizerFast"])
@pytest.mark.parametrize("family", ["gpt2", "llama", "qwen2"])
@pytest.mark.parametrize("template", ["$A", "[CLS] $A"])
def test_ids_are_those_of_the_file_whatever_class_is_named(
    name: str, family: str, template: str, tmp_path: Path
) -> None:
    loaded = with_template(template, family)
    core = Tokenizer.from_str(loaded.tokenizer.backend_tokenizer.to_str())
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"\d|[aeiou]"), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    location = saved(loaded, tmp_path / "original", core, tokenizer_class=name, add_bos_token=False)
    fetch_model(ModelSettings("x", "folder", location), tmp_path / "x")
    found = load_model(tmp_path / "x")
    for text in SENTENCES:
        assert found.encode(text, 1000) == core.encode(text).ids
        assert found.tokenizer(text).input_ids == core.encode(text).ids


def test_roles_that_only_the_class_knows_are_kept(tmp_path: Path) -> None:
    location = saved(tiny_model("bert"), tmp_path, tiny_model("bert").tokenizer.backend_tokenizer)
    tokenizer = load_tokenizer(location)
    assert (tokenizer.mask_token_id, tokenizer.cls_token_id, tokenizer.sep_token_id) == (2, BOS, EOS)


def test_an_encoder_whose_tokenizer_names_no_mask_is_refused(tmp_path: Path) -> None:
    bert = tiny_model("bert")
    location = saved(bert, tmp_path, bert.tokenizer.backend_tokenizer, tokenizer_class="GPT2Tokenizer")
    with pytest.raises(UserError, match=r"model 'x': its tokenizer has no mask token, .*; set mask_token"):
        fetch_model(ModelSettings("x", "folder", location), tmp_path / "x")


def test_a_broken_tokenizer_ends_in_one_line(tmp_path: Path) -> None:
    location = saved(tiny_model("llama"), tmp_path, tiny_model("llama").tokenizer.backend_tokenizer)
    (tmp_path / "tokenizer.json").write_text('{"version": "1.0"}', encoding="utf-8")
    with pytest.raises(UserError, match=r"cannot load the tokenizer of .*; correct its tokenizer\.json") as caught:
        fetch_model(ModelSettings("x", "folder", location), tmp_path / "x")
    assert "\n" not in str(caught.value)


def test_a_slow_tokenizer_is_refused_by_name(tmp_path: Path) -> None:
    tiny_model("llama").model.save_pretrained(tmp_path)
    write_json(tmp_path / "vocab.json", {"<unk>": 0, "a": 1, "b</w>": 2, "a</w>": 3})
    (tmp_path / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
    write_json(tmp_path / "tokenizer_config.json", {"tokenizer_class": "CTRLTokenizer"})
    with pytest.raises(UserError, match=r"has the slow tokenizer CTRLTokenizer, .* put its tokenizer\.json next to it"):
        fetch_model(ModelSettings("x", "folder", str(tmp_path)), tmp_path / "x")
    assert not (tmp_path / "x").exists()


# The rule that a GGUF file names


def gguf_file(folder: Path, model: str, rule: str | None) -> Path:
    path = folder / "tiny.gguf"
    writer = GGUFWriter(path, "llama")
    writer.add_tokenizer_model(model)
    if rule is not None:
        writer.add_tokenizer_pre(rule)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    return path


SPLITS = [
    ("smollm", "x =  5", ["x", "Ġ=", "ĠĠ", "5"]),
    ("smollm", "in 2024", ["in", "Ġ", "2", "0", "2", "4"]),
    ("gpt-2", "x =  5", ["x", "Ġ=", "Ġ", "Ġ5"]),
    ("gpt-2", "in 2024", ["in", "Ġ2024"]),
    ("qwen2", "in 2024", ["in", "Ġ", "2", "0", "2", "4"]),
    ("llama-bpe", "in 2024", ["in", "Ġ", "202", "4"]),
    ("qwen2", "(can't)", ["(can", "'t", ")"]),
    ("smollm", "(can't)", ["(", "can", "'t", ")"]),
]


@pytest.mark.parametrize(("rule", "text", "parts"), SPLITS)
def test_a_gguf_files_tokenizer_splits_by_the_rule_that_the_file_names(
    rule: str, text: str, parts: list[str], tmp_path: Path
) -> None:
    tokenizer = copy.deepcopy(tiny_model("llama").tokenizer)
    apply_rule(tokenizer, gguf_file(tmp_path, "gpt2", rule))
    assert [part for part, _ in tokenizer.backend_tokenizer.pre_tokenizer.pre_tokenize_str(text)] == parts


def test_a_rule_brings_what_the_original_tokenizer_does_besides_splitting(tmp_path: Path) -> None:
    decomposed, composed = "cafe\u0301", "caf\u00e9"
    for rule, normalised in (("qwen2", composed), ("gpt-2", decomposed)):
        tokenizer = copy.deepcopy(tiny_model("llama").tokenizer)
        apply_rule(tokenizer, gguf_file(tmp_path, "gpt2", rule))
        assert tokenizer.decode(tokenizer(decomposed).input_ids) == normalised
    for rule, whole in (("llama-bpe", True), ("gpt-2", False)):
        tokenizer = copy.deepcopy(tiny_model("llama").tokenizer)
        apply_rule(tokenizer, gguf_file(tmp_path, "gpt2", rule))
        assert tokenizer.backend_tokenizer.model.ignore_merges is whole


@pytest.mark.parametrize(("rule", "shown"), [("martian", "'martian'"), (None, "''")])
def test_an_unknown_rule_is_refused_by_name(rule: str | None, shown: str, tmp_path: Path) -> None:
    path = gguf_file(tmp_path, "gpt2", rule)
    with pytest.raises(UserError, match=rf"tiny\.gguf: unknown splitting rule {shown} .*known are codeshell, .*folder"):
        apply_rule(copy.deepcopy(tiny_model("llama").tokenizer), path)


def test_other_vocabularies_name_no_rule(tmp_path: Path) -> None:
    tokenizer = copy.deepcopy(tiny_model("llama").tokenizer)
    before = tokenizer.backend_tokenizer.to_str()
    apply_rule(tokenizer, gguf_file(tmp_path, "llama", "default"))
    assert tokenizer.backend_tokenizer.to_str() == before
    assert all(make() is not None for make in RULES.values())


def test_the_saved_tokenizer_names_no_place(tmp_path: Path) -> None:
    location = saved(tiny_model("llama"), tmp_path / "original", tiny_model("llama").tokenizer.backend_tokenizer)
    fetch_model(ModelSettings("x", "folder", location), tmp_path / "x")
    written = json.dumps(read_json(tmp_path / "x/tokenizer_config.json"))
    assert str(tmp_path) not in written
    assert "local" not in written
