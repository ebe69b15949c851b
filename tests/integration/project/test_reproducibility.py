"""The verdict on a rerun: exact where it must be, within stated tolerances where CPUs differ."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from attention_programs.config import Config, load_config
from attention_programs.errors import UserError
from attention_programs.files import read_csv, write_csv, write_json, write_text
from attention_programs.project import reproducibility
from attention_programs.project.reproducibility import Comparison, check, compare
from conftest import ROOT

OUTPUTS = {"model": "models/m", "corpora": "data/p/texts.jsonl", "synthesize": "data/p/programs.jsonl"} | {
    "attention": "data/p/attention",
    "select": "results/p/heads.csv",
    "replace": "results/p/perplexity.csv",
}
Edit = Callable[[Path], None]


def write_lock(path: Path, changed: dict[str, str | None]) -> None:
    stages = {
        stage: {"cmd": "x", "outs": [{"path": out, "md5": changed.get(stage, "old")}]}
        for stage, out in OUTPUTS.items()
        if changed.get(stage, "old") is not None
    }
    write_text(path, yaml.safe_dump({"schema": "2.0", "stages": stages}))


def write_results(folder: Path) -> Path:
    heads = {"head": ["L0H0", "L0H1"], "method": ["selected"] * 2, "program_name": ["a", "b"], "iou_test": [0.5, 0.7]}
    write_csv(folder / "heads.csv", pd.DataFrame(heads))
    curve = {"programs": ["selected"] * 2, "percent": [0, 100], "perplexity": [20.0, 2000.0], "increase": [0.0, 9900.0]}
    write_csv(folder / "perplexity.csv", pd.DataFrame(curve))
    write_csv(folder / "qa.csv", pd.DataFrame({"task": ["t"], "accuracy": [0.5], "insensitive": [False]}))
    choice = {"ranking": ["iou", "ablation_effect"], "increase_validation": [10.0, 300.0], "chosen": [True, False]}
    write_csv(folder / "ranking_choice.csv", pd.DataFrame(choice))
    rankings = {"head": [f"L0H{i}" for i in range(20)], "iou": range(20), "ablation_effect": range(20)}
    write_csv(folder / "rankings.csv", pd.DataFrame(rankings))
    write_json(folder / "summary.json", {"iou/test/all/selected": 0.6})
    write_json(folder / "scoring.json", {"runs_by_status": {"scored": 9}})
    write_lock(folder / "dvc.lock", {})
    return folder


def compared(tmp_path: Path, edit: Edit = lambda _: None, **changed: str | None) -> Comparison:
    """What comes out if the rerun's results are edited and stages' hashes changed."""
    before, after = write_results(tmp_path / "before"), write_results(tmp_path / "after")
    edit(after)
    write_lock(tmp_path / "dvc.lock", changed)
    config: Config = load_config(ROOT / "params.yaml")
    return compare(before, after, tmp_path / "dvc.lock", config)


def change(file: str, column: str, row: int, value: Any) -> Edit:
    def edit(folder: Path) -> None:
        table = read_csv(folder / file)
        table[column] = table[column].astype(object)
        table.loc[row, column] = value
        write_csv(folder / file, table.infer_objects())

    return edit


def test_equal_outputs_are_reproduced(tmp_path: Path) -> None:
    found = compared(tmp_path)
    assert found.reproduced
    assert len(found.lines) == len(OUTPUTS)
    assert all("same" in line for line in found.lines)


@pytest.mark.parametrize("stage", ["model", "corpora"])
def test_exact_stages_must_be_equal_to_the_last_byte(tmp_path: Path, stage: str) -> None:
    found = compared(tmp_path, **{stage: "new"})
    assert not found.reproduced
    assert f"DIFFERS {stage}: {OUTPUTS[stage]}" in found.lines


def test_other_bytes_with_numbers_within_the_tolerance_are_reproduced(tmp_path: Path) -> None:
    found = compared(tmp_path, change("heads.csv", "iou_test", 0, 0.51), select="new", attention="new")
    assert found.reproduced
    text = "\n".join(found.lines)
    assert "other attention: data/p/attention differs in bytes" in text
    assert "same  heads.csv, iou_test: equal within 0.02" in text


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (change("heads.csv", "iou_test", 1, 0.73), "heads.csv, iou_test, row 1: 0.73 instead of 0.7 (allowed 0.02)"),
        (
            change("perplexity.csv", "perplexity", 1, 2100.0),
            "perplexity.csv, perplexity, row 1: 2100.0 instead of 2000.0",
        ),
        (
            change("ranking_choice.csv", "increase_validation", 1, 310.0),
            "ranking_choice.csv, increase_validation, row 1: 310.0 instead",
        ),
        (change("ranking_choice.csv", "chosen", 1, True), "ranking_choice.csv, chosen, row 1: True instead of False"),
        (change("qa.csv", "insensitive", 0, True), "qa.csv, insensitive, row 0: True instead of False"),
        (
            change("rankings.csv", "ablation_effect", 0, 25),
            "rankings.csv, ablation_effect: rank correlation 0.714 (at least 0.98)",
        ),
        (change("heads.csv", "iou_test", 1, None), "heads.csv, iou_test, row 1: nan instead of 0.7"),
        (change("heads.csv", "iou_test", 1, "many"), "heads.csv, iou_test: numbers became text"),
        (change("heads.csv", "head", 1, "L9H9"), "heads.csv, head, row 1: L9H9 instead of L0H1"),
        (lambda folder: write_csv(folder / "heads.csv", read_csv(folder / "heads.csv")[:1]), "2 rows became 1"),
        (lambda folder: write_json(folder / "summary.json", {}), "summary.json: 1 keys differ"),
        (lambda folder: write_json(folder / "scoring.json", {"runs_by_status": {"scored": 8}}), "scoring.json"),
    ],
)
def test_what_differs_beyond_is_named(tmp_path: Path, edit: Edit, words: str) -> None:
    found = compared(tmp_path, edit, select="new")
    assert not found.reproduced
    assert [line for line in found.lines if line.startswith("DIFFERS") and words in line]


def test_large_perplexities_are_compared_by_their_size(tmp_path: Path) -> None:
    assert compared(tmp_path, change("perplexity.csv", "perplexity", 1, 2030.0), replace="new").reproduced


def test_heads_that_change_places_are_no_difference(tmp_path: Path) -> None:
    def swap(folder: Path) -> None:
        change("rankings.csv", "ablation_effect", 3, 4)(folder)
        change("rankings.csv", "ablation_effect", 4, 3)(folder)

    assert compared(tmp_path, swap, select="new").reproduced


def test_percentages_are_compared_by_their_size(tmp_path: Path) -> None:
    assert compared(tmp_path, change("ranking_choice.csv", "increase_validation", 1, 303.0), select="new").reproduced


def test_another_program_of_nearly_the_same_fit_is_no_difference(tmp_path: Path) -> None:
    assert compared(tmp_path, change("heads.csv", "program_name", 0, "c"), select="new").reproduced


def test_numbers_missing_on_both_sides_are_no_difference(tmp_path: Path) -> None:
    before, after = (write_results(tmp_path / name) for name in ("before", "after"))
    for folder in (before, after):
        change("heads.csv", "iou_test", 0, None)(folder)
    write_lock(tmp_path / "dvc.lock", {"select": "new"})
    assert compare(before, after, tmp_path / "dvc.lock", load_config(ROOT / "params.yaml")).reproduced


def test_an_output_that_is_gone_is_a_difference(tmp_path: Path) -> None:
    found = compared(tmp_path, attention=None)
    assert not found.reproduced
    assert "DIFFERS attention: data/p/attention" in found.lines


def git(folder: Path, *arguments: str) -> None:
    author = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", *author, *arguments], cwd=folder, check=True, capture_output=True)


def test_a_profile_without_a_record_is_refused(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    with pytest.raises(UserError, match=r"git status failed: fatal: not a git repository.*; is this a git repository"):
        check(tmp_path, "smoke")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "conf")
    git(tmp_path, "commit", "--quiet", "-m", "settings")
    with pytest.raises(UserError, match="profile 'smoke' has no committed results; run it"):
        check(tmp_path, "smoke")
    with pytest.raises(UserError, match="there is no profile 'nope'"):
        check(tmp_path, "nope")


def test_downloads_are_shared_even_across_disks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_text(tmp_path / "root/.cache/wheels/x.whl", "wheel")
    reproducibility._share_downloads(tmp_path / "root", tmp_path / "near")
    assert (tmp_path / "near/.cache/wheels/x.whl").samefile(tmp_path / "root/.cache/wheels/x.whl")

    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(reproducibility.os, "link", refuse)
    reproducibility._share_downloads(tmp_path / "root", tmp_path / "far")
    assert (tmp_path / "far/.cache/wheels/x.whl").read_text(encoding="utf-8") == "wheel"
    reproducibility._share_downloads(tmp_path / "nothing", tmp_path / "there")
    assert not (tmp_path / "there").exists()
