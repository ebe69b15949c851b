"""Profiles for a model that is named on the command line: found again, never in place of another."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from attention_programs.config import Config, load_config
from attention_programs.errors import UserError
from attention_programs.files import write_jsonl, write_text
from attention_programs.project.choices import safe_name
from attention_programs.project.model_choice import choose_model
from attention_programs.project.own_corpora import choose_corpora
from attention_programs.project.own_profile import Wanted, choose_profile
from attention_programs.project.reproduction import compose
from conftest import ROOT

COMMIT = "0123456789" * 4
TEXTS = [f"{name} went to the {place} and saw {number} {thing}." for name, place, number, thing in zip(
    ["Amina", "Bo", "Carl", "Dana", "Emil", "Fay", "Gus", "Hana"],
    ["market", "pond", "station", "museum", "forest", "bakery", "river", "school"],
    range(8),
    ["frogs", "trains", "pictures", "owls", "loaves", "boats", "desks", "apples"],
    strict=True,
)]  # fmt: skip


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    shutil.copytree(ROOT / "conf", root / "conf")
    return root


def model_folder(path: Path) -> Path:
    write_text(path / "config.json", "{}")
    return path


def settings(project: Path, profile: str) -> Config:
    compose(profile, project / "params.yaml", project)
    return load_config(project / "params.yaml")


def chosen(project: Path, model: str, **options: Any) -> str:
    return choose_profile(Wanted(model, **options), project, project.parent)


def conf(project: Path) -> set[str]:
    return {str(path.relative_to(project)) for path in (project / "conf").rglob("*.yaml")}


def test_a_folder_gets_a_profile_of_its_own_which_is_found_again(project: Path) -> None:
    place = model_folder(project.parent / "My Model v1.0")
    assert chosen(project, "My Model v1.0") == "my-model-v1.0"
    written = conf(project)
    config = settings(project, "my-model-v1.0")
    assert config.profile == config.model.name == "my-model-v1.0"
    assert (config.model.source, config.model.location, config.model.watched) == ("folder", str(place), str(place))
    assert config.explainer.mode == "off"
    assert config.attention == settings(project, "full").attention
    assert chosen(project, str(place)) == "my-model-v1.0"
    assert conf(project) == written


def test_the_default_profile_may_change_no_setting(project: Path) -> None:
    model_folder(project.parent / "mine")
    write_text(project / "conf/profile/full.yaml", "# @package _global_\n")
    assert chosen(project, "mine") == "mine"
    assert settings(project, "mine").effects == settings(project, "full").effects


def test_a_model_of_ones_own_has_the_default_profile_s_settings(project: Path) -> None:
    model_folder(project.parent / "mine")
    assert settings(project, chosen(project, "mine")).effects == settings(project, "full").effects
    assert settings(project, "full").effects != settings(project, "gemma-3-270m").effects


def test_another_model_of_the_same_name_gets_another_name(project: Path) -> None:
    for parent in ("one", "two"):
        model_folder(project.parent / parent / "mine")
    first, second = chosen(project, "one/mine"), chosen(project, "two/mine")
    assert first == "mine"
    assert second.startswith("mine-")
    assert settings(project, first).model.location.endswith("one/mine")
    assert settings(project, second).model.location.endswith("two/mine")
    assert chosen(project, "two/mine") == second
    model_folder(project.parent / "smollm2-135m")
    assert chosen(project, "./smollm2-135m").startswith("smollm2-135m-")


@pytest.mark.parametrize("folder", ["results", "data", "reports", "models"])
def test_results_that_are_there_already_belong_to_someone_else(project: Path, folder: str) -> None:
    model_folder(project.parent / "mine")
    (project / folder / "mine").mkdir(parents=True)
    config = settings(project, chosen(project, "mine"))
    assert config.profile.startswith("mine-")
    assert (config.model.name == "mine") == (folder != "models")


def test_a_model_called_like_a_folder_of_comparisons_gets_another_name(project: Path) -> None:
    model_folder(project.parent / "elsewhere" / "models")
    assert chosen(project, "elsewhere/models").startswith("models-")


def test_every_choice_has_results_of_its_own(project: Path) -> None:
    model_folder(project.parent / "mine")
    write_jsonl(project.parent / "notes.jsonl", ({"text": text} for text in TEXTS))
    choices: list[dict[str, Any]] = [
        {},
        {"tokens": 128},
        {"heads": "every 4"},
        {"heads": "L0H1,L2H3"},
        {"corpora": ("notes.jsonl",)},
        {"corpora": ("letters=notes.jsonl",), "tokens": 32},
        {"profile": "smoke"},
    ]
    names = [chosen(project, "mine", **each) for each in choices]
    assert names == [
        "mine", "mine-128-tokens", "mine-heads-every-4", "mine-heads-l0h1-l2h3", "mine-on-notes",
        "mine-on-letters-32-tokens", "mine-smoke",
    ]  # fmt: skip
    found = [settings(project, name) for name in names]
    assert [config.profile for config in found] == names
    assert (found[1].attention.max_tokens, found[2].attention.heads) == (128, "every 4")
    assert found[3].attention.heads == ("L0H1", "L2H3")
    assert [source.name for source in found[4].corpora.sources] == ["notes"]
    assert found[4].evaluation.tasks == ()
    assert found[5].corpora.name == "letters"
    assert found[6].corpora.limit == settings(project, "smoke").corpora.limit


def test_texts_that_changed_give_another_profile(project: Path) -> None:
    model_folder(project.parent / "mine")
    file = project.parent / "notes.txt"
    write_text(file, "\n\n".join(TEXTS))
    before = chosen(project, "mine", corpora=("notes.txt",))
    write_text(file, "\n\n".join(TEXTS[1:]))
    after = chosen(project, "mine", corpora=("notes.txt",))
    assert before != after
    assert len({settings(project, name).corpora.sources[0].sha256 for name in (before, after)}) == 2


def test_models_with_settings_of_their_own_use_their_profile(project: Path) -> None:
    written = conf(project)
    assert chosen(project, "smollm2-135m") == "full"
    assert chosen(project, "gemma-3-270m") == "gemma-3-270m"
    assert chosen(project, "gpt2") == "gpt2"
    assert conf(project) == written
    longer = settings(project, chosen(project, "smollm2-135m", tokens=128))
    assert (longer.profile, longer.explainer.mode) == ("smollm2-135m-128-tokens", "replay")
    paper = settings(project, chosen(project, "gpt2", tokens=128))
    assert (paper.corpora.name, paper.attention.max_tokens) == ("paper", 128)


def test_an_id_of_the_hub_is_pinned(project: Path) -> None:
    config = settings(project, chosen(project, f"owner/Tiny@{COMMIT}"))
    assert (config.model.name, config.model.revision) == ("tiny", COMMIT)
    assert config.model.watched == "conf/model/tiny.yaml"
    assert choose_model("owner/Tiny", project, project).name == "tiny"  # without asking the hub again
    other = settings(project, chosen(project, f"owner/Tiny@{COMMIT[::-1]}"))
    assert other.model.revision == COMMIT[::-1]
    assert other.profile == other.model.name != "tiny"
    gpt2 = settings(project, chosen(project, "openai-community/gpt2"))
    assert (gpt2.profile, gpt2.model.name, gpt2.corpora.name) == ("gpt2-full", "gpt2", "shipped")
    assert chosen(project, "openai-community/gpt2") == "gpt2-full"


BAD = [
    ("nowhere", r"there is no model 'nowhere'; name one of conf/model \(bert-base, "),
    ("./nowhere", r"there is no model './nowhere'; correct the path"),
    ("empty", r"empty has no config\.json; give a folder that transformers' save_pretrained wrote"),
    ("plain.gguf", r"plain\.gguf is not a GGUF file"),
]


@pytest.mark.parametrize(("model", "words"), BAD)
def test_a_model_that_is_not_there_is_named(project: Path, model: str, words: str) -> None:
    (project.parent / "empty").mkdir()
    (project.parent / "plain.gguf").write_bytes(b"PK")
    written = conf(project)
    with pytest.raises(UserError, match=words):
        chosen(project, model)
    assert conf(project) == written


BAD_FILES = [
    (
        "notes.jsonl",
        '{"text": "a"}\n\n{"text": 3}\n',
        r'notes\.jsonl, line 3: no "text" that is a string and not blank',
    ),
    ("notes.jsonl", '{"text": "a"}\n{"txt": "b"}\n', r'notes\.jsonl, line 2: .*write \{"text": "Once upon a time'),
    ("notes.jsonl", '{"text": "a"\n', r"notes\.jsonl, line 1: not valid JSON"),
    ("notes.txt", "\n \n", r"notes\.txt holds no text; write passages with blank lines between them"),
    ("notes.txt", "one\n\ntwo\n", r"corpus 'notes' has 2 different texts: too few for three splits; add some"),
    ("notes.csv", "text\n", r"notes\.csv: give \.jsonl with a text in each line, or \.txt"),
]


@pytest.mark.parametrize(("name", "content", "words"), BAD_FILES)
def test_a_bad_file_is_named_with_its_line_before_anything_is_written(
    project: Path, name: str, content: str, words: str
) -> None:
    write_text(project.parent / name, content)
    written = conf(project)
    with pytest.raises(UserError, match=words) as caught:
        chosen(project, "smollm2-135m", corpora=(name,))
    assert "\n" not in str(caught.value)
    assert conf(project) == written


def test_other_bad_choices_are_named(project: Path) -> None:
    with pytest.raises(UserError, match="'banana' is not the name of a head"):
        chosen(project, "smollm2-135m", heads="banana")
    with pytest.raises(UserError, match="no profile 'nope'"):
        chosen(project, "smollm2-135m", profile="nope")
    write_text(project.parent / "notes.txt", "\n\n".join(TEXTS))
    with pytest.raises(UserError, match="sources names 'notes' twice"):
        choose_corpora(["notes.txt", "notes=notes.txt"], project, project.parent)
    (project / "corpora").mkdir()
    shutil.copyfile(project.parent / "notes.txt", project / "corpora/notes.txt")
    inside = choose_corpora(["corpora/notes.txt"], project, project)
    assert 'location": "corpora/notes.txt"' in (project / f"conf/corpora/{inside}.yaml").read_text(encoding="utf-8")


def test_long_names_are_cut() -> None:
    names = {safe_name("x" * 100 + end) for end in "ab"}
    assert len(names) == 2
    assert {len(name) for name in names} == {60}
    assert safe_name("Ω") == "unnamed"
