"""A project folder made from the package: whole, with stages that run again when the package changes."""

import subprocess
from pathlib import Path

import pytest
import yaml

from attention_programs import cli
from attention_programs.config import load_config
from attention_programs.files import read_text
from attention_programs.paths import Paths
from attention_programs.programs.library import load_library, load_written_for
from attention_programs.project import reproduction
from attention_programs.project.folder import make_project
from attention_programs.project.reproduction import VERSION_FILE, record_package
from conftest import ROOT


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("made") / "deep" / "project"
    make_project(made)
    return made


def files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and ".git" not in path.parts}


def test_it_holds_what_the_repository_holds(template: Path) -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    shared = ("comparison/", "conf/", "corpora/", "library/", "pipelines/", ".dvc/", "mlruns/")
    expected = {name for name in tracked.splitlines() if name.startswith(shared)} - {"comparison/dvc.lock"}
    own = {"Makefile", "README.md", "dvc.yaml", "params.yaml", "requirements.lock", VERSION_FILE}
    assert files(template) - {name for name in files(template) if name.startswith(".dvc/tmp")} == (
        expected | own | {".gitignore", ".dvcignore"}
    )
    for name in expected - {"comparison/dvc.yaml"}:
        assert (template / name).read_bytes() == (ROOT / name).read_bytes()
        assert not (template / name).is_symlink()
    assert read_text(template / "params.yaml") == read_text(ROOT / "params.yaml")
    assert (template / ".git/HEAD").is_file()


@pytest.mark.parametrize("stages", ["dvc.yaml", "comparison/dvc.yaml"])
def test_its_stages_depend_on_the_package_and_on_files_that_are_there(template: Path, stages: str) -> None:
    made, ours = (yaml.safe_load(read_text(root / stages))["stages"] for root in (template, ROOT))
    assert made.keys() == ours.keys()
    for name, stage in made.items():
        assert stage["deps"].count(VERSION_FILE) == 1
        others = [one for one in ours[name]["deps"] if not one.startswith("src/")]
        assert [one for one in stage["deps"] if one != VERSION_FILE] == others
        assert {key: stage[key] for key in stage if key != "deps"} == {
            key: ours[name][key] for key in stage if key != "deps"
        }
    listed = subprocess.run(
        ["python", "-m", "dvc", "stage", "list", "--name-only"],
        cwd=(template / stages).parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert list(dict.fromkeys(name.split("@")[0] for name in listed.stdout.split())) == list(made)


def test_its_programs_are_trusted_and_its_settings_good(
    template: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = load_config(template / "params.yaml")
    settings = config.synthesis
    programs = [
        *load_library(template, settings.library, "curated"),
        *load_library(template, settings.baselines, "baseline"),
        *load_written_for(template, f"{settings.library}/{config.model.name}", "curated"),
    ]
    assert all(program.trusted for program in programs)
    assert cli.main(["validate", "--project", str(template)]) == 0
    assert "corpora/stories.jsonl" in capsys.readouterr().out
    assert Paths.of(config, template).results.is_relative_to(template)


def test_its_stages_run_again_when_the_package_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record_package(tmp_path)
    before = read_text(tmp_path / VERSION_FILE)
    record_package(tmp_path)
    assert read_text(tmp_path / VERSION_FILE) == before
    code = tmp_path / "package"
    code.mkdir()
    (code / "one.py").write_text("1")
    monkeypatch.setattr(reproduction, "PACKAGE", code)
    record_package(tmp_path)
    first = read_text(tmp_path / VERSION_FILE)
    (code / "one.py").write_text("2")
    record_package(tmp_path)
    assert len({before, first, read_text(tmp_path / VERSION_FILE)}) == 3


def test_a_checkout_runs_its_own_code(template: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    assert reproduction.environment(ROOT)["PYTHONPATH"] == str(ROOT / "src")
    assert reproduction.environment(template)["PYTHONPATH"] == "/somewhere"
    record_package(ROOT)
    assert not (ROOT / VERSION_FILE).exists()


def test_a_folder_that_holds_anything_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there/notes").write_text("mine")
    for name in ("there", "there/notes"):
        assert cli.main(["init", str(tmp_path / name)]) == 2
        assert capsys.readouterr().err.endswith(
            "is not an empty folder; choose one that is empty or does not exist yet\n"
        )
    assert [path.name for path in (tmp_path / "there").iterdir()] == ["notes"]


def test_an_empty_folder_is_filled_wherever_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["init", "."]) == 0
    assert (tmp_path / "dvc.yaml").is_file()
    assert "reproduce --profile smoke" in capsys.readouterr().out


def test_without_git_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert cli.main(["init", str(tmp_path / "project")]) == 2
    assert "install git" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
