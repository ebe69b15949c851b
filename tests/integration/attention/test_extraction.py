"""Extraction: the maps are the model's own, work survives a kill, and equal inputs give equal bytes."""

import dataclasses
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch

from attention_programs.attention import reading, writing
from attention_programs.attention.extraction import extract
from attention_programs.attention.packing import Packing
from attention_programs.attention.pattern_store import read_index, read_patterns
from attention_programs.attention.writing import extract_to_folder
from attention_programs.config import AttentionSettings
from attention_programs.corpora.text import SPLITS, Text
from attention_programs.errors import UserError
from attention_programs.files import read_json, write_json
from attention_programs.models.head import Head
from attention_programs.models.loading import LoadedModel
from builders import texts_from
from conftest import SENTENCES, tiny_model

CONTENTS = [*SENTENCES, "A.", *(f"{i} ducks swam over the pond, and {i + 1} came back." for i in range(6))]
TEXTS = texts_from(CONTENTS, splits=SPLITS)
SETTINGS = AttentionSettings(max_tokens=20, heads="all", batch_texts=2, shard_texts=4)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def folder(llama: LoadedModel, tmp_path: Path) -> Path:
    extract_to_folder(llama, TEXTS, SETTINGS, tmp_path / "attention")
    return tmp_path / "attention"


def test_maps_are_the_models_own(any_model: LoadedModel) -> None:
    batches = [[any_model.encode(text, 40) for text in SENTENCES[:3]], [any_model.encode(SENTENCES[3], 40)]]
    heads = any_model.record.heads
    found = [patterns for batch in extract(any_model, batches, heads) for patterns in batch]
    for ids, patterns in zip([ids for batch in batches for ids in batch], found, strict=True):
        with torch.inference_mode():
            layers = any_model.model(input_ids=torch.tensor([ids]), output_attentions=True).attentions
        direct = torch.cat([layer[0] for layer in layers]).numpy()
        square = patterns.patterns
        np.testing.assert_allclose(square, direct, atol=2e-6)
        np.testing.assert_allclose(square.sum(axis=-1), 1, atol=1e-5)
        assert np.abs(square[0] - square[-1]).max() > 0.01
        assert patterns.ids == tuple(ids)
        assert patterns.token_strings == any_model.token_strings(ids)


def test_maps_come_in_the_order_of_the_heads_asked_for(llama: LoadedModel) -> None:
    ids = llama.encode(SENTENCES[0], 20)
    (everything,) = next(extract(llama, [[ids]], llama.record.heads))
    (some,) = next(extract(llama, [[ids]], [Head(2, 3), Head(0, 1), Head(2, 0)]))
    np.testing.assert_array_equal(some.entries, everything.entries[[11, 1, 8]])


def test_patterns_do_not_depend_on_the_models_attention_and_leave_it_as_it_was(llama: LoadedModel) -> None:
    ids = llama.encode(SENTENCES[0], 20)
    (expected,) = next(extract(llama, [[ids]], llama.record.heads))
    llama.model.set_attn_implementation("sdpa")
    try:
        (found,) = next(extract(llama, [[ids]], llama.record.heads))
        assert llama.model.config._attn_implementation == "sdpa"
    finally:
        llama.model.set_attn_implementation("eager")
    np.testing.assert_array_equal(found.entries, expected.entries)


@pytest.mark.parametrize("block", [1, 3, 7])
def test_patterns_do_not_depend_on_the_block_of_rows(
    any_model: LoadedModel, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = [any_model.encode(text, 20) for text in SENTENCES[:3]]
    expected = next(extract(any_model, [batch], any_model.record.heads))
    monkeypatch.setattr(reading, "BLOCK", block)
    for one, other in zip(expected, next(extract(any_model, [batch], any_model.record.heads)), strict=True):
        np.testing.assert_allclose(one.entries, other.entries, atol=2e-6)


def test_of_long_texts_some_rows_are_read_and_stored(llama: LoadedModel, tmp_path: Path) -> None:
    whole, thin = tmp_path / "whole", tmp_path / "thin"
    extract_to_folder(llama, TEXTS, SETTINGS, whole)
    extract_to_folder(llama, TEXTS, dataclasses.replace(SETTINGS, max_rows=8), thin)
    assert sum(map(len, files(thin).values())) < sum(map(len, files(whole).values()))
    for text, some in zip(read_patterns(whole, SPLITS), read_patterns(thin, SPLITS), strict=True):
        assert len(some.packing.rows) == min(len(text.ids), 8)
        np.testing.assert_allclose(some.patterns, text.patterns[:, some.packing.rows], atol=1e-3)


@pytest.mark.parametrize(("passes", "message"), [(0, "layer 0 has no attention"), (2, "attends 2 times")])
def test_a_layer_that_does_not_attend_once_fails_loudly(llama: LoadedModel, passes: int, message: str) -> None:
    def read() -> None:
        with reading.PatternReader(llama, [Head(0, 0)], [Packing(3, True)]), torch.inference_mode():
            for _ in range(passes):
                llama.model(input_ids=torch.tensor([[5, 6, 7]]))

    with pytest.raises(UserError, match=message):
        read()
    assert llama.model.config._attn_implementation == "eager"


def test_rows_that_do_not_sum_to_one_fail_loudly(llama: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    module = sys.modules[type(llama.model).__module__]
    eager = module.eager_attention_forward

    def leaky(*args, **kwargs):  # type: ignore[no-untyped-def]
        output, weights = eager(*args, **kwargs)
        return output, weights * 0.9

    monkeypatch.setattr(module, "eager_attention_forward", leaky)
    with pytest.raises(UserError, match=r"sums to 1 ± 0\.1"):
        next(extract(llama, [[[5, 6, 7]]], [Head(0, 0)]))


@pytest.mark.parametrize("family", ["llama", "bert"])
def test_maps_come_back_from_disk_within_the_rounding_of_16_bits(family: str, tmp_path: Path) -> None:
    loaded = tiny_model(family)
    extract_to_folder(loaded, TEXTS, SETTINGS, tmp_path)
    mapped = list(read_patterns(tmp_path, SPLITS))
    assert [text.key for text in mapped] == [text.key for text in TEXTS]
    for text, found in zip(TEXTS, mapped, strict=True):
        ids = loaded.encode(text.content, 20)
        (patterns,) = next(extract(loaded, [[ids]], loaded.record.heads))
        assert (found.corpus, found.split, found.ids) == (text.corpus, text.split, tuple(ids))
        assert found.token_strings == patterns.token_strings
        assert found.entries.dtype == np.float16
        # 16 bits keep 11 digits of two; below 2**-14 the steps are 2**-24 wide.
        assert (np.abs(found.entries - patterns.entries) <= patterns.entries * 2**-11 + 2**-25 + 2e-6).all()


def test_texts_are_read_by_split_and_by_key(folder: Path) -> None:
    assert [t.key for t in read_patterns(folder, ["test"])] == [t.key for t in TEXTS if t.split == "test"]
    wanted = [TEXTS[4].key, TEXTS[1].key]
    assert [t.key for t in read_patterns(folder, SPLITS, wanted)] == wanted[::-1]
    assert list(read_patterns(folder, ["train"], [TEXTS[1].key])) == []


def test_the_index_says_what_the_folder_holds(llama: LoadedModel, folder: Path) -> None:
    index = read_index(folder)
    assert index.head_list == llama.record.heads
    assert (index.causal, index.max_tokens, index.weights_sha256) == (True, 20, "random-llama")
    assert sorted([*index.shards, "index.json"]) == sorted(files(folder))
    assert len(index.shards) == 3


def test_only_a_missing_file_is_made_again(llama: LoadedModel, folder: Path) -> None:
    before = files(folder)
    times = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    lost = read_index(folder).shards[1]
    (folder / lost).unlink()
    extract_to_folder(llama, TEXTS, SETTINGS, folder)
    assert files(folder) == before
    for name in read_index(folder).shards:
        assert ((folder / name).stat().st_mtime_ns == times[name]) == (name != lost)


def test_a_second_extraction_elsewhere_gives_the_same_bytes(llama: LoadedModel, folder: Path, tmp_path: Path) -> None:
    extract_to_folder(llama, TEXTS, SETTINGS, tmp_path / "another" / "place")
    assert files(tmp_path / "another" / "place") == files(folder)


def test_a_killed_run_leaves_no_file_under_its_final_name(llama: LoadedModel, folder: Path, tmp_path: Path) -> None:
    whole, elsewhere = files(folder), tmp_path / "killed"
    batches = [[llama.encode(t.content, 20) for t in TEXTS[i : i + 2]] for i in (0, 2)]
    ready = list(extract(llama, batches, llama.record.heads))
    child = os.fork()
    if child == 0:
        writing.extract = lambda *_: iter(ready)  # type: ignore[assignment]
        writing.ArrowWriter.finalize = lambda _: os.kill(os.getpid(), signal.SIGKILL)
        extract_to_folder(llama, TEXTS, SETTINGS, elsewhere)
        os._exit(1)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    assert [name for name in files(elsewhere) if not name.endswith(".part")] == []
    assert len(files(elsewhere)) == 1
    other = AttentionSettings(max_tokens=12, shard_texts=4)
    extract_to_folder(llama, TEXTS, other, elsewhere)
    assert sorted(files(elsewhere)) == sorted([*read_index(elsewhere).shards, "index.json"])
    extract_to_folder(llama, TEXTS, SETTINGS, elsewhere)
    assert files(elsewhere) == whole


def test_files_of_other_settings_are_removed(llama: LoadedModel, folder: Path) -> None:
    before = set(read_index(folder).shards)
    extract_to_folder(llama, TEXTS, AttentionSettings(max_tokens=20, heads="every 2", shard_texts=4), folder)
    assert before.isdisjoint(files(folder))
    assert read_index(folder).heads[:2] == ["L0H0", "L0H2"]


def test_a_text_that_changed_in_case_or_space_is_mapped_anew(llama: LoadedModel, folder: Path) -> None:
    """Its key stays the same, its tokens do not."""
    changed = [TEXTS[0], Text(TEXTS[1].key, "stories", TEXTS[1].split, TEXTS[1].content.upper()), *TEXTS[2:]]
    extract_to_folder(llama, changed, SETTINGS, folder)
    found = {text.key: text.ids for text in read_patterns(folder, SPLITS)}
    assert found[TEXTS[1].key] == tuple(llama.encode(TEXTS[1].content.upper(), 20))


def test_too_little_space_is_noticed_before_the_work(
    llama: LoadedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "free_bytes", lambda _: 1000)
    with pytest.raises(UserError, match=r"MiB are needed, but only 0 MiB are free; free some space or lower"):
        extract_to_folder(llama, TEXTS, SETTINGS, tmp_path / "attention")
    assert files(tmp_path / "attention") == {}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (AttentionSettings(heads=("L0H1", "L9H0")), "head L9H0 does not exist: the model has layers L0 to L2"),
        (AttentionSettings(heads="first"), "'first' is not the name of a head"),
    ],
)
def test_heads_that_do_not_exist_are_refused(
    llama: LoadedModel, tmp_path: Path, settings: AttentionSettings, words: str
) -> None:
    with pytest.raises(UserError, match=words):
        extract_to_folder(llama, TEXTS, settings, tmp_path / "attention")
    assert not (tmp_path / "attention").exists()


def test_texts_longer_than_the_model_reads_are_refused(tmp_path: Path) -> None:
    long = [Text("k", "stories", "test", "word " * 2000)]
    with pytest.raises(UserError, match=r"attention.max_tokens .* reads only 1024; lower it"):
        extract_to_folder(tiny_model("gpt2"), long, AttentionSettings(max_tokens=3000), tmp_path / "a")


def test_a_text_without_tokens_is_refused(llama: LoadedModel, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no tokens"):
        extract_to_folder(llama, [Text("k", "stories", "test", "")], SETTINGS, tmp_path / "a")


def test_damaged_folders_end_in_one_line(folder: Path) -> None:
    index = read_json(folder / "index.json")
    (folder / index["shards"][0]).unlink()
    with pytest.raises(UserError, match=r"maps-\w+\.arrow is missing; run `dvc repro attention`"):
        list(read_patterns(folder, SPLITS))
    write_json(folder / "index.json", index | {"schema_version": 0})
    with pytest.raises(UserError, match="schema 0, but this version reads 1; extract again"):
        read_index(folder)
    write_json(folder / "index.json", {"schema_version": 1})
    with pytest.raises(UserError, match=r"index\.json is not an index of attention patterns"):
        read_index(folder)
    with pytest.raises(UserError, match="does not exist"):
        read_index(folder / "nowhere")


def test_texts_longer_than_a_window_are_refused(
    llama: LoadedModel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(llama.model.config, "sliding_window", 8, False)
    with pytest.raises(UserError, match="some layers of tiny-llama see only the last 8"):
        extract_to_folder(llama, TEXTS, SETTINGS, tmp_path)
