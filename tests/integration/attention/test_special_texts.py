"""Special tokens on their way from the tokenizer to maps on disk, the sandbox, the caches and the prompts."""

from pathlib import Path

import numpy as np
import pytest
import torch

from attention_programs.attention.pattern_store import TextAttention, read_index, read_patterns
from attention_programs.attention.writing import extract_to_folder
from attention_programs.config import AttentionSettings, SandboxSettings, SynthesisSettings
from attention_programs.llm.prompts import PromptWriter, system_prompt
from attention_programs.llm.tokens import estimate_tokens
from attention_programs.models.loading import LoadedModel
from attention_programs.models.token_style import NO_SPECIAL, SpecialIds, TokenStyle
from attention_programs.programs.features import Feature
from attention_programs.programs.run_result import Scored
from attention_programs.programs.view import TokenView
from attention_programs.sparse_search.evidence import EvidenceMaker
from attention_programs.sparse_search.search import SearchData
from attention_programs.sparse_search.training_texts import choose_texts
from attention_programs.surrogate.intervention import pattern_cache
from attention_programs.surrogate.soft_programs import TermValues
from attention_programs.untrusted.execution import SandboxRunner
from builders import program_record, texts_from
from conftest import BOS, EOS, SENTENCES, tiny_model, with_template

CONTENTS = [f"{i} {sentence}" for sentence in SENTENCES for i in range(5)]
TEXTS = texts_from(CONTENTS, splits=["train"])


def patterns_of(loaded: LoadedModel, folder: Path) -> list[TextAttention]:
    extract_to_folder(loaded, TEXTS, AttentionSettings(16, "all"), folder)
    return list(read_patterns(folder, ["train"]))


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> tuple[LoadedModel, Path]:
    loaded = with_template("[CLS] $A")
    folder = tmp_path_factory.mktemp("opened")
    patterns_of(loaded, folder)
    return loaded, folder


def test_the_tokenizer_says_which_ids_are_special() -> None:
    llama, bert = tiny_model("llama").token_style, tiny_model("bert").token_style
    assert llama.special_ids == bert.special_ids == SpecialIds((1, BOS, EOS), (0, 2))
    assert TokenStyle.of(tiny_model("llama").tokenizer) == llama


def test_a_token_that_only_fills_up_is_not_special() -> None:
    tokenizer = with_template("$A").tokenizer
    tokenizer.pad_token = tokenizer.convert_ids_to_tokens(30)
    style = TokenStyle.of(tokenizer)
    assert 30 not in style.special_ids.around
    assert tokenizer.pad_token not in style.special


def test_maps_know_their_special_tokens(opened: tuple[LoadedModel, Path]) -> None:
    loaded, folder = opened
    for text in read_patterns(folder, ["train"]):
        view = TokenView.of(text)
        assert text.special_ids == loaded.token_style.special_ids
        assert view.vector("special").tolist() == [1.0] + [0.0] * (view.n - 1)
    plain = next(read_patterns(folder, ["train"]))
    assert not TokenView(plain.ids, plain.token_strings).vector("special").any()


def test_other_pieces_make_other_files_of_maps(opened: tuple[LoadedModel, Path], tmp_path: Path) -> None:
    loaded, folder = opened
    extract_to_folder(loaded, TEXTS, AttentionSettings(16, "all"), tmp_path)
    assert read_index(tmp_path).shards == read_index(folder).shards
    other = with_template("[CLS] $A")
    for token in range(len(other.tokenizer)):
        other.token_strings._known[token] = "x"
    extract_to_folder(other, TEXTS, AttentionSettings(16, "all"), tmp_path)
    assert not set(read_index(tmp_path).shards) & set(read_index(folder).shards)
    assert {token_string for text in read_patterns(tmp_path, ["train"]) for token_string in text.token_strings} == {"x"}


SOURCES = ("text.key.special + 0.1 * text.uniform", "text.second_token + text.sentence_start + 0.01 * text.uniform")


@pytest.mark.parametrize("expression", SOURCES)
def test_the_sandbox_and_the_caches_see_the_same_special_tokens(
    expression: str, opened: tuple[LoadedModel, Path]
) -> None:
    loaded, _ = opened
    trusted = program_record(expression, "own")
    untrusted = program_record(f"np.float32(1) * ({expression})", "foreign", "imported")
    ids = tuple(loaded.encode(SENTENCES[0], 12))
    special = loaded.token_style.special_ids
    view = TokenView(ids, loaded.token_strings(ids), True, special)
    with SandboxRunner(SandboxSettings(), 1, loaded.token_style) as runner:
        here, there = runner.outcomes([trusted, untrusted], view)
    assert isinstance(here, Scored)
    assert isinstance(there, Scored)
    np.testing.assert_array_equal(here.weights, there.weights)
    np.testing.assert_array_equal(pattern_cache(loaded).get(ids, trusted), here.weights)
    unaware = SandboxRunner(SandboxSettings(), 1, loaded.token_style).outcomes(
        [trusted], TokenView(ids, view.token_strings, True)
    )
    assert isinstance(unaware[0], Scored)
    assert np.abs(unaware[0].weights - here.weights).max() > 0.01


def test_learned_constants_multiply_the_same_special_tokens(opened: tuple[LoadedModel, Path]) -> None:
    loaded, _ = opened
    features = [Feature(key="special"), Feature("second_token")]
    values = TermValues(loaded, features, 1).get((BOS, 40, 41))
    assert values.tolist() == [[1, 1, 0, 1, 0, 0], [0, 0, 0, 0, 0, 1]]
    assert values.dtype == torch.float16


def test_the_search_takes_the_class_where_texts_hold_such_tokens(
    opened: tuple[LoadedModel, Path], tmp_path: Path
) -> None:
    with_opening = list(read_patterns(opened[1], ["train"]))
    without = patterns_of(tiny_model("llama"), tmp_path)
    settings = SynthesisSettings(max_terms=3)
    for texts, held in ((with_opening, True), (without, False)):
        features = SearchData(texts, texts, settings, "cpu").features
        assert any("special" in (feature.key, feature.query) for feature in features) == held


def test_prompts_tell_of_special_tokens_where_texts_hold_them(opened: tuple[LoadedModel, Path], tmp_path: Path) -> None:
    patterns_of(tiny_model("llama"), tmp_path)
    for folder, held in ((opened[1], True), (tmp_path, False)):
        index, train = read_index(folder), list(read_patterns(folder, ["train"]))
        texts = choose_texts(train, 50)
        evidence = EvidenceMaker(texts, index.heads, True, 2, 12).of("L0H0")
        writer = PromptWriter("vocabulary", True, 2, 9000, estimate_tokens, texts.hold_special)
        prompt = writer.synthesis(evidence, None)
        assert ("special: Special tokens of the tokenizer" in prompt.messages[0]["content"]) == held
        assert all("[CLS]" not in excerpt.opening and excerpt.opening for excerpt in evidence.excerpts)
        weights = [w for excerpt in evidence.excerpts for w in excerpt.top]
        assert any(w.key == "[CLS]" for w in weights) == held
        assert held or not any("special" in message["content"].lower() for message in prompt.messages)
    assert "Special tokens" not in system_prompt("vocabulary", True, False)


def test_texts_without_special_tokens_have_no_special_ids_to_send() -> None:
    assert tiny_model("llama").token_style.special_ids.among([50, 60]) == NO_SPECIAL
