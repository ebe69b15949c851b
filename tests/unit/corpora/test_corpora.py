"""Corpora: what ships, what a row must be, and splits that keep test texts unseen."""

import json
import random
import re
from collections.abc import Iterable
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attention_programs.config import CorporaSettings, CorpusSettings, load_config
from attention_programs.corpora.near_duplicates import near_duplicates
from attention_programs.corpora.schema import check_rows
from attention_programs.corpora.sources import load_corpus, load_test_rows
from attention_programs.corpora.splitting import check_disjoint, split_corpus
from attention_programs.corpora.text import SPLITS, Text, describe, read_texts, text_key, write_texts
from attention_programs.errors import UserError
from attention_programs.files import read_jsonl, sha256_file, write_jsonl, write_text
from conftest import ROOT

SHIPPED = ("stories", "code", "mathematics")
SETTINGS = CorporaSettings("test", (), validation_share=0.2, test_share=0.25)


def shipped(name: str) -> list[dict[str, Any]]:
    return read_jsonl(ROOT / f"corpora/{name}.jsonl")


def corpus(tmp_path: Path, content: list[dict[str, Any]], **options: Any) -> CorpusSettings:
    write_jsonl(tmp_path / "mine.jsonl", content)
    return CorpusSettings("mine", "file", str(tmp_path / "mine.jsonl"), **options)


def eights(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+|[^\w\s]", text.lower())
    return {tuple(words[i : i + 8]) for i in range(len(words) - 7)}


def test_there_are_enough_stories_of_the_right_length() -> None:
    lengths = [len(row["text"].split()) for row in shipped("stories")]
    assert len(lengths) >= 150
    assert min(lengths) >= 60
    assert max(lengths) <= 200


def test_there_is_enough_code_in_enough_languages() -> None:
    rows = shipped("code")
    assert len(rows) >= 100
    assert len({row["language"] for row in rows}) >= 5


def test_there_is_enough_mathematics() -> None:
    assert len(shipped("mathematics")) >= 100


@pytest.mark.parametrize("name", SHIPPED)
def test_no_two_shipped_texts_are_nearly_the_same(name: str) -> None:
    runs = [eights(row["text"]) for row in shipped(name)]
    for (i, one), (j, other) in combinations(enumerate(runs), 2):
        share = len(one & other) / min(len(one), len(other))
        assert share < 0.2, f"{name}: rows {i + 1} and {j + 1} share {share:.0%} of their runs of eight words"


def test_shipped_corpora_split_without_a_common_text() -> None:
    config = load_config(ROOT / "params.yaml")
    texts = [
        text
        for source in config.corpora.sources
        for text in split_corpus(source.name, load_corpus(source, ROOT), config.corpora, config.seed)
    ]
    check_disjoint(texts)
    counts = describe(texts)
    assert set(counts) == set(SHIPPED)
    for name in SHIPPED:
        assert sum(counts[name].values()) == len(shipped(name))
        assert counts[name]["test"] == round(config.corpora.test_share * len(shipped(name)))


def test_fields_are_joined_rows_are_cut_and_twins_dropped(tmp_path: Path) -> None:
    rows = [{"question": f" q{i % 4} ", "answer": "a\n"} for i in range(8)]
    found = load_corpus(corpus(tmp_path, rows, fields=("question", "answer"), rows=(1, 7)))
    assert found == ["q1\n\na", "q2\n\na", "q3\n\na", "q0\n\na"]


def test_every_broken_rule_is_named_at_once_with_file_and_row(tmp_path: Path) -> None:
    good = {"question": "q", "answer": "a"}
    rows = [good, {"question": "q"}, {"question": 3, "answer": " \n"}, good, {"question": "\x00", "answer": "a"}]
    with pytest.raises(UserError) as caught:
        load_corpus(corpus(tmp_path, rows, fields=("question", "answer")))
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'mine.jsonl'}: 4 broken rules: ")
    assert "row 2, field 'answer', rule: is missing" in message
    assert "row 3, field 'answer', rule: is not blank" in message
    assert "row 3, field 'question', rule: is a string" in message
    assert "row 5, field 'question', rule: holds no NUL" in message
    assert "\n" not in message


def test_rows_are_counted_from_the_start_of_the_file(tmp_path: Path) -> None:
    rows = [{"text": f"t{i}"} for i in range(9)] + [{"text": ""}]
    with pytest.raises(UserError, match="row 10, field 'text'"):
        load_corpus(corpus(tmp_path, rows, rows=(5, 10)))
    assert len(load_corpus(corpus(tmp_path, rows, rows=(5, 9)))) == 4


def test_half_a_character_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.jsonl").write_text('{"text": "a \\ud83d b"}\n', encoding="utf-8")
    with pytest.raises(UserError, match=r"mine\.jsonl, line 1: lone surrogate"):
        load_corpus(CorpusSettings("mine", "file", str(tmp_path / "mine.jsonl")))


def test_plain_text_is_divided_by_blank_lines(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_bytes(b"\xef\xbb\xbfOne\r\ntwo.\r\n\r\n \t\r\nThree.\n\n\nFour.")
    settings = CorpusSettings("mine", "file", str(tmp_path / "mine.txt"))
    assert load_corpus(settings) == ["One\ntwo.", "Three.", "Four."]
    assert load_corpus(replace(settings, rows=(1, 2))) == ["Three."]


def test_many_broken_rows_are_counted_and_few_are_shown() -> None:
    with pytest.raises(UserError, match=r"x: 50 broken rules: .*row 10, .*\(and 40 more\)") as caught:
        check_rows([{"text": ""} for _ in range(50)], ("text",), "x")
    assert str(caught.value).count("field") == 10


def test_bad_files_end_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no rows; a corpus needs at least one"):
        load_corpus(corpus(tmp_path, []))
    with pytest.raises(UserError, match="no rows"):
        load_corpus(corpus(tmp_path, [{"text": "a"}], rows=(5, 9)))
    write_text(tmp_path / "mine.jsonl", '{"text": "a"}\n{"text": \n')
    with pytest.raises(UserError, match=r"mine\.jsonl, line 2"):
        load_corpus(CorpusSettings("mine", "file", str(tmp_path / "mine.jsonl")))
    with pytest.raises(UserError, match="does not exist"):
        load_corpus(CorpusSettings("mine", "file", "nowhere.jsonl"))


def test_a_file_of_another_hash_is_refused_by_its_own(tmp_path: Path) -> None:
    settings = corpus(tmp_path, [{"text": "a"}, {"text": "b"}], rows=(0, 1), test_rows=(1, 2), sha256="0" * 64)
    found = sha256_file(tmp_path / "mine.jsonl")
    for load in (load_corpus, load_test_rows):
        with pytest.raises(UserError) as caught:
            load(settings)
        message = str(caught.value)
        assert message.startswith(f"corpus 'mine': {settings.location} has SHA-256 {found}, expected {'0' * 64}; ")
        assert "correct sha256 in conf/corpora" in message
        assert "\n" not in message
    assert load_corpus(replace(settings, sha256=found)) == ["a"]
    with pytest.raises(UserError, match="does not exist"):
        load_corpus(replace(settings, location="nowhere.jsonl"))


def test_a_hub_that_cannot_be_reached_names_the_way_out() -> None:
    revision = "f54c09fd23315a6f9c86f9dc80f725de7d8f9c64"
    with pytest.raises(UserError, match=r"cannot read data set 'a/b' at f54c09fd .*export it to JSONL"):
        load_corpus(CorpusSettings("mine", "hub", "a/b", revision=revision))
    with pytest.raises(UserError, match="'mine': data set 'a/b' has no revision; pin a commit"):
        load_corpus(CorpusSettings("mine", "hub", "a/b"))


def test_a_data_set_is_read_from_the_asked_rows_only(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "train.jsonl", [{"text": f"t{i}"} for i in range(20)])
    settings = CorpusSettings("mine", "hub", str(tmp_path), revision="local", rows=(5, 8))
    assert load_corpus(settings) == ["t5", "t6", "t7"]
    with pytest.raises(UserError, match="no rows"):
        load_corpus(CorpusSettings("mine", "hub", str(tmp_path), revision="local", rows=(30, 40)))


WORDS = st.lists(st.text("abc é", min_size=1).filter(str.strip), min_size=12, max_size=40, unique_by=text_key)


@given(WORDS, st.integers(0, 9))
def test_splits_are_disjoint_and_depend_on_the_seed_and_the_set_of_texts_alone(contents: list[str], seed: int) -> None:
    texts = split_corpus("x", contents, SETTINGS, seed)
    shuffled = list(contents)
    random.Random(seed).shuffle(shuffled)
    assert split_corpus("x", shuffled, SETTINGS, seed) == texts
    check_disjoint(texts)
    assert sorted(text.content for text in texts) == sorted(contents)
    counts = describe(texts)["x"]
    assert counts["validation"] == round(0.2 * len(contents))
    assert counts["test"] == round(0.25 * len(contents))


def test_another_seed_gives_another_split() -> None:
    contents = [f"text {i}" for i in range(40)]
    assert split_corpus("x", contents, SETTINGS, 0) != split_corpus("x", contents, SETTINGS, 1)


def test_twins_that_differ_in_case_or_space_stay_together_whatever_the_order_of_the_file() -> None:
    contents = [f"text {i}" for i in range(12)] + ["Text  3", "TEXT 3\n", "text\t5"]
    texts = split_corpus("x", contents, SETTINGS, 0)
    assert len(texts) == 12
    assert split_corpus("x", contents[::-1], SETTINGS, 0) == texts
    assert text_key("Straße 1") == text_key("STRASSE  1\n")
    assert text_key("a b") != text_key("ab")


def test_the_limit_holds_for_each_split_and_takes_no_text_from_another() -> None:
    contents = [f"text {i}" for i in range(60)]
    everything = {text.key: text.split for text in split_corpus("x", contents, SETTINGS, 0)}
    few = split_corpus("x", contents, CorporaSettings("t", (), 0.2, 0.25, limit=3), 0)
    assert describe(few) == {"x": dict.fromkeys(SPLITS, 3)}
    assert all(everything[text.key] == text.split for text in few)


def test_a_corpus_that_is_too_small_is_refused() -> None:
    with pytest.raises(UserError, match="'x' has 2 different texts: too few"):
        split_corpus("x", ["a", "b", "A"], SETTINGS, 0)
    with pytest.raises(UserError, match=r"'x' has 1 different texts: too few .* count as one"):
        split_corpus("x", retellings(range(20)), SETTINGS, 0)


@pytest.mark.parametrize("name", SHIPPED)
def test_without_near_duplicates_the_permutation_alone_decides(name: str) -> None:
    config = load_config(ROOT / "params.yaml")
    (source,) = [source for source in config.corpora.sources if source.name == name]
    contents = load_corpus(source, ROOT)
    keys = sorted(text_key(content) for content in contents)
    shares = config.corpora.validation_share, config.corpora.test_share
    validation, test = (round(share * len(keys)) for share in shares)
    splits = ["validation"] * validation + ["test"] * test + ["train"] * (len(keys) - validation - test)
    order = np.random.default_rng(config.seed).permutation(len(keys))
    found = {text.key: text.split for text in split_corpus(name, contents, config.corpora, config.seed)}
    assert found == {keys[place]: split for place, split in zip(order, splits, strict=True)}


def retellings(numbers: Iterable[int]) -> list[str]:
    """Texts of twelve words, each of which shares six of its eight runs of five words with the one before."""
    return [" ".join(f"w{word}" for word in range(2 * number, 2 * number + 12)) for number in numbers]


@pytest.mark.parametrize("seed", range(5))
def test_near_duplicates_stay_in_one_split_and_the_shares_hold(seed: int) -> None:
    others = [f"text {i}" for i in range(40)]
    groups = [retellings(range(start, start + 4)) for start in (0, 100, 200, 300, 400)]
    contents = [*others, *(content for group in groups for content in group)]
    texts = split_corpus("x", contents, SETTINGS, seed)
    assert split_corpus("x", contents[::-1], SETTINGS, seed) == texts
    split_of = {text.content: text.split for text in texts}
    assert split_of.keys() == set(contents)
    assert all(len({split_of[content] for content in group}) == 1 for group in groups)
    assert describe(texts) == {"x": {"validation": 12, "test": 15, "train": 33}}
    assert near_duplicates(texts).empty


def test_a_group_that_no_split_has_room_for_goes_to_train() -> None:
    alike = retellings(range(30))
    texts = split_corpus("x", [*alike, *(f"text {i}" for i in range(20))], SETTINGS, 0)
    assert {text.split for text in texts if text.content in alike} == {"train"}
    assert describe(texts) == {"x": {"validation": 10, "test": 10, "train": 30}}


def test_near_duplicates_of_given_test_texts_are_left_out() -> None:
    held_out, *alike = retellings(range(3))
    others = [f"text {i}" for i in range(20)]
    texts = split_corpus("x", [*others, *alike], SETTINGS, 0, [held_out])
    assert texts == split_corpus("x", others, SETTINGS, 0, [held_out])
    assert [text.content for text in texts if text.split == "test"] == [held_out]


def test_a_text_in_two_corpora_is_refused() -> None:
    key = text_key("the same")
    with pytest.raises(UserError, match=r"'The  same' is in a/train and in b/test"):
        check_disjoint([Text(key, "a", "train", "the same"), Text(key, "b", "test", "The  same")])


def test_texts_come_back_and_bad_records_are_refused(tmp_path: Path) -> None:
    texts = [Text(text_key(c), "x", "test", c) for c in ("é\n🎈", "b")]
    write_texts(tmp_path / "t.jsonl", texts)
    assert read_texts(tmp_path / "t.jsonl") == texts
    for bad in ({"key": "k"}, {"key": "k", "corpus": "x", "split": "dev", "content": "c"}):
        write_text(tmp_path / "t.jsonl", json.dumps(bad))
        with pytest.raises(UserError, match="row 1: not a text record"):
            read_texts(tmp_path / "t.jsonl")


def test_texts_that_share_most_of_their_wording_with_a_training_text_are_named() -> None:
    words = "one two three four five six seven eight nine ten eleven twelve".split()
    train = Text("a", "x", "train", " ".join(words))
    alike = Text("b", "x", "test", " ".join([*words[:10], "other", "words"]))  # 6 of 8 runs of five words
    half = Text("c", "x", "test", " ".join([*words[:8], "not", "the", "same", "end"]))  # 4 of 8: not more than half
    other = Text("d", "x", "validation", "nothing of that kind stands in this short text")
    apart = Text("e", "y", "validation", " ".join(reversed(words)))
    found = near_duplicates([train, half, alike, other, apart])
    assert found.to_dict("records") == [
        {"corpus": "x", "split": "test", "text": "b", "train_text": "a", "shared": 0.75}
    ]
    assert near_duplicates([train, half, other]).empty
    assert list(near_duplicates([]).columns) == ["corpus", "split", "text", "train_text", "shared"]
