"""What `compare-models` needs, and what it says where that is missing."""

import shutil
from pathlib import Path

import pytest

from attention_programs import cli
from attention_programs.comparison.settings import PARAMS, ComparisonSettings, read_settings, write_settings
from attention_programs.errors import UserError
from attention_programs.files import write_text
from conftest import ROOT


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A clone with the committed results of two profiles and no data."""
    for name in ("conf", "comparison"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in ("smollm2-135m", "smoke"):
        (tmp_path / "results" / name).mkdir(parents=True)
        for table in ("heads", "iou", "perplexity", "lengths", "behaviour"):
            shutil.copy(ROOT / "results" / name / f"{table}.csv", tmp_path / "results" / name)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    return tmp_path


def error_of(project: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line that the command ends with; it must not have written anything."""
    before = (project / PARAMS).read_bytes()
    assert cli.main(["compare-models", *arguments, "--project", str(project)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert (project / PARAMS).read_bytes() == before
    assert not (project / "results/models.csv").exists()
    return lines[0]


@pytest.mark.parametrize(
    ("profile", "remedy"),
    [
        ("gemma-3-270m", "`attention-programs reproduce --profile gemma-3-270m`"),
        ("mine", "`attention-programs reproduce --model ID_OR_PATH --profile mine`"),
    ],
)
def test_a_profile_without_results_is_named(
    project: Path, capsys: pytest.CaptureFixture[str], profile: str, remedy: str
) -> None:
    line = error_of(project, capsys, "smoke", profile)
    assert line.startswith(f"error: profile '{profile}' has no results: ")
    assert line.endswith(f"results/{profile}/heads.csv does not exist; run {remedy}")


def test_a_profile_without_data_is_named_with_the_file_of_its_settings(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = error_of(project, capsys, "smollm2-135m", "smoke")
    assert "the data of profile 'smollm2-135m' are not in this clone" in line
    assert line.endswith("run `attention-programs reproduce --profile full`, or compare with --results-only")
    write_text(project / "data/smollm2-135m/found_programs.jsonl", "")
    assert "data/smollm2-135m/attention/index.json does not exist" in error_of(project, capsys, "smollm2-135m")


def test_a_profile_named_twice_or_not_a_folder_is_refused(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "a profile is named twice; name each once" in error_of(project, capsys, "smoke", "smoke")
    assert "write a folder's name" in error_of(project, capsys, "../smoke")


def test_results_alone_are_enough_for_the_table(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["compare-models", "smoke", "smollm2-135m", "--results-only", "--project", str(project)]) == 0
    assert "written: results/models.csv\n" in capsys.readouterr().out
    first = (project / "results/models.csv").read_bytes()
    assert read_settings(project).profiles == ("smoke", "smollm2-135m")
    assert cli.main(["compare-models", "--results-only", "--project", str(project)]) == 0
    assert (project / "results/models.csv").read_bytes() == first


@pytest.mark.parametrize("profiles", ["[]", "[a, a]"])
def test_settings_without_profiles_or_with_one_twice_are_refused(tmp_path: Path, profiles: str) -> None:
    write_text(tmp_path / PARAMS, f"profiles: {profiles}\nparameters: {{}}\n")
    with pytest.raises(UserError, match="name one or more, each once"):
        read_settings(tmp_path)


def test_settings_are_read_as_they_were_written(tmp_path: Path) -> None:
    values = ComparisonSettings(("a", "b-1.5"), {"b-1.5": 3}, (50,), 10, 7)
    write_settings(tmp_path, values)
    assert read_settings(tmp_path) == values


def test_the_shipped_settings_are_as_the_command_writes_them(tmp_path: Path) -> None:
    write_settings(tmp_path, read_settings(ROOT))
    assert (tmp_path / PARAMS).read_text(encoding="utf-8") == (ROOT / PARAMS).read_text(encoding="utf-8")
