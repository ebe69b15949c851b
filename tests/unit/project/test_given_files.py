"""Files that no stage makes are missed before the first stage."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from attention_programs.config import Config, load_config
from attention_programs.errors import UserError
from attention_programs.files import sha256_text
from attention_programs.project.given_files import check_given_files
from attention_programs.project.reproduction import compose
from conftest import ROOT

TEXTS = '{"text": "Once."}\n'


@pytest.fixture
def settings(tmp_path: Path) -> Config:
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    compose("benchmark", tmp_path / "params.yaml", tmp_path)
    (tmp_path / "external").mkdir()
    return load_config(tmp_path / "params.yaml")


def test_all_missing_files_are_named_at_once(settings: Config, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"profile 'benchmark' needs files .* docs/reproducing\.md") as raised:
        check_given_files(settings, tmp_path)
    for name in ("tinystories_train_first", "wikitext2_raw_test_excerpt", "hellaswag_validation", "copa_validation"):
        assert f"external/{name}.jsonl" in str(raised.value)
    assert "other contents" not in str(raised.value)


def test_other_contents_are_named(settings: Config, tmp_path: Path) -> None:
    (tmp_path / "external" / "social_i_qa_validation.jsonl").write_text("{}\n")
    (tmp_path / "external" / "math500_test.jsonl").write_text(TEXTS)
    with pytest.raises(UserError) as raised:
        check_given_files(settings, tmp_path)
    _, _, other = str(raised.value).partition("other contents than expected: ")
    assert other.startswith(
        "external/math500_test.jsonl, external/social_i_qa_validation.jsonl; put the expected files"
    )


def test_expected_files_and_files_without_a_hash_pass(settings: Config, tmp_path: Path) -> None:
    (tmp_path / "external" / "math500_test.jsonl").write_text(TEXTS)
    (tmp_path / "external" / "copa_validation.jsonl").write_text(TEXTS)
    mathematics = next(source for source in settings.corpora.sources if source.name == "mathematics")
    for sha256 in (sha256_text(TEXTS), ""):
        corpora = replace(settings.corpora, sources=(replace(mathematics, sha256=sha256),))
        evaluation = replace(settings.evaluation, tasks=("copa",), files=())
        asked = replace(settings, corpora=corpora, evaluation=evaluation)
        check_given_files(replace(asked, replacement=replace(asked.replacement, other_corpora=())), tmp_path)


def test_questions_may_lie_outside_the_project(tmp_path: Path) -> None:
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "copa_validation.jsonl").write_text(TEXTS)
    for folder in ("conf", "corpora"):
        shutil.copytree(ROOT / folder, project / folder)
    compose("full", project / "params.yaml", project)
    settings = load_config(project / "params.yaml")
    evaluation = replace(settings.evaluation, tasks=("copa",), files=(), data_dir=str(elsewhere))
    check_given_files(replace(settings, evaluation=evaluation), project)
    with pytest.raises(UserError, match=f"missing: {elsewhere}/piqa[^,]*; put the expected files"):
        check_given_files(replace(settings, evaluation=replace(evaluation, tasks=("copa", "piqa"))), project)


def test_what_comes_from_the_hub_or_ships_is_not_asked_for(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    shutil.copytree(ROOT / "corpora", tmp_path / "corpora")
    for profile in ("full", "gpt2"):
        compose(profile, tmp_path / "params.yaml", tmp_path)
        check_given_files(load_config(tmp_path / "params.yaml"), tmp_path)
