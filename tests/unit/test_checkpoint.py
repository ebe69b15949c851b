"""Checkpoints: complete files only, none of another computation, and nothing left when all is done."""

from pathlib import Path

import pytest
import torch

from attention_programs.checkpoint import Checkpoint


def test_what_is_finished_is_there_for_the_same_fingerprint_alone(tmp_path: Path) -> None:
    Checkpoint(tmp_path / "kept", "one").save("part", {"weights": torch.ones(2)})
    assert Checkpoint(tmp_path / "kept", "one").load("part")["weights"].tolist() == [1, 1]
    assert not Checkpoint(tmp_path / "kept", "two").has("part")
    assert Checkpoint(tmp_path / "kept", "two").load("part") == {}


def test_a_part_that_was_cut_off_is_not_finished(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path, "one")

    def write_half() -> None:
        with checkpoint.writing("folder/part") as unfinished:
            unfinished.write_text("half", encoding="utf-8")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert not checkpoint.has("folder/part")
    assert not [file for file in tmp_path.rglob("*") if file.is_file()]


def test_other_files_are_deleted_and_in_the_end_all(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "kept")
    for part in ("one", "two"):
        checkpoint.save(part, {"weights": torch.ones(1)})
    (tmp_path / "kept/.two.part").write_text("half", encoding="utf-8")
    checkpoint.keep_only(["one"])
    assert [file.name for file in (tmp_path / "kept").iterdir()] == ["one"]
    Checkpoint(tmp_path / "kept", "another").remove()
    assert not (tmp_path / "kept").exists()
