"""Before a model is explained: what is left out and what will be needed, from a real measurement of a tiny model."""

from pathlib import Path

import pytest

from attention_programs.config import Config, ModelSettings
from attention_programs.corpora.text import SPLITS, write_texts
from attention_programs.errors import UserError
from attention_programs.models.fetching import fetch_model
from attention_programs.paths import Paths
from attention_programs.project.preparation import left_out, require_room
from attention_programs.project.requirements_estimate import GIB, estimate, require
from builders import config_with, save_model, texts_from
from conftest import SENTENCES, tiny_model


def prepared(folder: Path, family: str, **changes: object) -> tuple[Config, Paths]:
    config = config_with(model={"name": f"tiny-{family}", "source": "folder", "location": "original"}, **changes)
    paths = Paths.of(config, folder)
    fetch_model(save_model(tiny_model(family), folder / "original"), paths.model)
    write_texts(
        paths.texts, texts_from([f"{text} {number}" for text in SENTENCES for number in range(3)], splits=SPLITS)
    )
    return config, paths


def test_an_estimate_grows_with_the_heads_and_the_texts_that_are_asked_for(tmp_path: Path) -> None:
    synthesis = {"max_terms": 2, "swap_rounds": 0, "fine_tune_steps": 0}
    config, paths = prepared(tmp_path, "llama", attention={"max_tokens": 12}, synthesis=synthesis)
    found = estimate(config, paths)
    assert list(found.seconds) == [
        "attention", "search", "synthesize", "score", "select", "categories", "analyse", "ablation", "effects",
        "distil", "replace", "controls", "evaluate", "report",
    ]  # fmt: skip
    assert all(seconds > 0 for seconds in found.seconds.values())
    few, _ = prepared(tmp_path, "llama", attention={"max_tokens": 12, "heads": ["L0H0"]}, synthesis=synthesis)
    less = estimate(few, paths)
    assert less.disk < found.disk
    assert less.memory <= found.memory
    time, space = found.lines()
    assert time.startswith("about ")
    assert "ablation" in time
    assert "GiB of memory" in space


def test_heads_and_lengths_that_the_model_lacks_are_refused_before_anything_is_computed(tmp_path: Path) -> None:
    config, paths = prepared(tmp_path, "llama", attention={"heads": ["L9H0"]})
    with pytest.raises(UserError, match="L9H0"):
        estimate(config, paths)


@pytest.mark.parametrize(
    ("disk", "memory", "words"),
    [
        (1e9 * GIB, 0, r"x needs about 1000000000\.0 GiB of disk at .*, .* are free; free some space, or take less"),
        (0, 1e9 * GIB, r"x needs about 1000000000\.0 GiB of memory, .* are free; close other programs, or take less"),
    ],
)
def test_too_little_disk_or_memory_is_one_line(disk: float, memory: float, words: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=words):
        require(disk, memory, tmp_path, "x", "take less")
    require(0, 0, tmp_path, "x", "take less")


def test_a_model_that_is_too_large_is_refused_before_it_is_loaded(tmp_path: Path) -> None:
    with (tmp_path / "huge.gguf").open("wb") as file:
        file.truncate(2**42)  # a file with a hole, which takes no disk
    with pytest.raises(UserError, match=r"model 'huge' needs about .* GiB of disk .*choose a smaller model"):
        require_room(ModelSettings("huge", "gguf", "huge.gguf"), tmp_path)


def test_what_a_run_does_without_is_named(tmp_path: Path) -> None:
    evaluation = {"name": "shipped", "tasks": ["verb_agreement"], "percents": [0, 25, 100]}
    config, paths = prepared(tmp_path, "bert", explainer={"mode": "off"}, evaluation=evaluation)
    lines = left_out(config, paths)
    assert len(lines) == 4
    assert "no replies about this model are recorded" in lines[0]
    assert "there is no library/curated/tiny-bert" in lines[1]
    assert "library/imported has none" in lines[2]
    assert lines[3].startswith("questions (verb_agreement), as tiny-bert is an encoder")
