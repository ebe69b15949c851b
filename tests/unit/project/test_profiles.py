"""The composed settings: every choice in conf/ gives settings that load."""

import contextlib
import json
import shutil
from pathlib import Path

import pytest
import yaml
from dvc.utils.hydra import compose_and_dump

from attention_programs.config import Config, load_config
from attention_programs.corpora.sources import load_corpus
from attention_programs.errors import UserError
from attention_programs.project.reproduction import compose, configure, profiles, restored
from conftest import ROOT

GROUPS = [
    (group, path.stem)
    for group in ("model", "corpora", "synthesis", "evaluation")
    for path in sorted((ROOT / "conf" / group).glob("*.yaml"))
]


def composed(folder: Path, *overrides: str) -> Config:
    target = folder / "params.yaml"
    compose_and_dump(str(target), str(ROOT / "conf"), None, "config", str(folder / "plugins"), list(overrides))
    return load_config(target)


@pytest.mark.parametrize("profile", profiles(ROOT))
def test_every_profile_composes(tmp_path: Path, profile: str) -> None:
    compose(profile, tmp_path / "params.yaml", ROOT)
    config = load_config(tmp_path / "params.yaml")
    expected = config.model.name if profile == "full" else profile
    assert config.profile == expected
    assert sorted(path.name for path in tmp_path.iterdir()) == ["params.yaml"]


@pytest.mark.parametrize(("group", "choice"), GROUPS)
def test_every_choice_composes(tmp_path: Path, group: str, choice: str) -> None:
    config = composed(tmp_path, f"{group}={choice}")
    if group == "model":
        assert config.profile == config.model.name
        assert config.model.is_local or config.model.sha256 or len(config.model.revision) == 40
        assert (ROOT / config.model.watched).is_file() or config.model.watched == config.model.location
    elif group != "synthesis":
        assert getattr(config, group).name == choice


def test_a_model_in_a_folder_is_watched_by_dvc(tmp_path: Path) -> None:
    config = composed(tmp_path, "model=folder", "model.location=/large/disk/mine")
    assert config.model.watched == "/large/disk/mine"
    assert (
        "${model.watched}" in yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]["model"]["deps"]
    )
    with pytest.raises(UserError, match=r"model\.watched is 'conf/model/mine\.yaml', .* write its folder, mine"):
        composed(tmp_path, "model=folder", "model.location=mine", "model.watched=conf/model/mine.yaml")


def test_params_yaml_is_the_composed_full_profile(tmp_path: Path) -> None:
    compose("full", tmp_path / "params.yaml", ROOT)
    assert load_config(tmp_path / "params.yaml") == load_config(ROOT / "params.yaml")


def test_a_profile_with_former_keys_is_composed_with_a_warning(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    mine = tmp_path / "conf/profile/mine.yaml"
    mine.write_text("# @package _global_\nreplacement:\n  few_percents: [50]\n", encoding="utf-8")
    with pytest.warns(FutureWarning, match=r"mine\.yaml: replacement\.few_percents is now called"):
        compose("mine", tmp_path / "params.yaml", tmp_path)
    assert load_config(tmp_path / "params.yaml").replacement.comparison_percents == (50,)
    assert "few_percents" in mine.read_text(encoding="utf-8")  # the user's file stays as it is


def test_an_unknown_profile_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no profile 'nope'; conf/profile has .*smoke"):
        compose("nope", tmp_path / "params.yaml", ROOT)
    assert list(tmp_path.iterdir()) == []


def test_configuring_brings_the_lock_file_of_the_profile_back(tmp_path: Path) -> None:
    (tmp_path / "conf").symlink_to(ROOT / "conf")
    kept = tmp_path / "results/smoke/dvc.lock"
    kept.parent.mkdir(parents=True)
    kept.write_text("kept\n", encoding="utf-8")
    (tmp_path / "params.yaml").write_text("before\n", encoding="utf-8")
    (tmp_path / "dvc.lock").write_text("other\n", encoding="utf-8")
    with restored(tmp_path):
        paths = configure("smoke", tmp_path)
        assert paths.results == kept.parent
        assert (tmp_path / "dvc.lock").read_text(encoding="utf-8") == "kept\n"
        assert load_config(tmp_path / "params.yaml").profile == "smoke"
    assert (tmp_path / "dvc.lock").read_text(encoding="utf-8") == "other\n"
    assert (tmp_path / "params.yaml").read_text(encoding="utf-8") == "before\n"


def test_restoring_removes_a_lock_file_that_was_not_there(tmp_path: Path) -> None:
    with restored(tmp_path):
        (tmp_path / "dvc.lock").write_text("new\n", encoding="utf-8")
    assert not (tmp_path / "dvc.lock").exists()


@pytest.mark.parametrize("fails", [True, False])
def test_settings_may_be_restored_after_a_failure_only(tmp_path: Path, fails: bool) -> None:
    (tmp_path / "params.yaml").write_text("before\n", encoding="utf-8")
    with contextlib.suppress(UserError), restored(tmp_path, after_success=False):
        (tmp_path / "params.yaml").write_text("after\n", encoding="utf-8")
        if fails:
            raise UserError("refused")
    assert (tmp_path / "params.yaml").read_text(encoding="utf-8") == ("before\n" if fails else "after\n")


def test_settings_that_do_not_compose_end_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "conf/profile").mkdir(parents=True)
    (tmp_path / "conf/profile/mine.yaml").write_text("# @package _global_\nmodel: ${nowhere}\n", encoding="utf-8")
    (tmp_path / "conf/config.yaml").write_text("defaults:\n  - profile: mine\n", encoding="utf-8")
    with pytest.raises(UserError, match="profile 'mine'") as caught:
        compose("mine", tmp_path / "params.yaml", tmp_path)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("*params*"))


def test_corpora_of_the_hub_are_pinned_or_say_how_to_pin(tmp_path: Path) -> None:
    for source in composed(tmp_path, "corpora=paper").corpora.sources:
        words = "has no revision; pin a commit" if not source.revision else "cannot read data set .*check the network"
        with pytest.raises(UserError, match=words):
            load_corpus(source)


def test_stages_of_the_pipeline_name_every_group_of_settings_they_use() -> None:
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    text = json.dumps(stages)
    for group in ("model", "corpora", "attention", "synthesis", "scoring.", "replacement", "evaluation", "report"):
        assert f'"{group}' in text
    for name, stage in stages.items():
        assert f"pipelines/{name}.py" in stage["deps"]
        assert stage["cmd"] == f"python -m pipelines.{name}"
        assert (ROOT / "pipelines" / f"{name}.py").is_file()
