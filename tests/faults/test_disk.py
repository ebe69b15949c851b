"""A full disk ends a stage with a line, costs nothing that was finished, and the next run has the same bytes."""

import shutil
import sys
from pathlib import Path

import pytest
from faulty import Undisturbed, exit_code, in_process
from small_disk import full, mount_disk

from attention_programs.paths import Paths
from attention_programs.project.stage import BAD_INPUT
from tiny_project import STAGES, made, record_for_the_tiny_model, run_stage, settings

SIZE = 512 * 2**20
NO_DISK = 77
"""Exit code where the system grants no disk."""


def _on_a_full_disk(state: Path, disk: Path, said: Path, stage: str, expected: dict[str, bytes]) -> None:
    try:
        mount_disk(disk, SIZE)
    except OSError:
        sys.exit(NO_DISK)
    root = shutil.copytree(state, disk / "repository", symlinks=True)
    if stage == "synthesize":
        record_for_the_tiny_model(Paths.of(settings(root), root))
    before = made(root)
    with full(disk):
        code = exit_code(root, stage, said)
    assert code == BAD_INPUT, code
    after = made(root)
    assert {name: after.get(name) for name in before} == before
    run_stage(root, stage)
    assert made(root) == expected


@pytest.mark.parametrize("stage", STAGES)
def test_a_full_disk_costs_a_stage_nothing_that_was_finished(
    undisturbed: Undisturbed, tmp_path: Path, stage: str
) -> None:
    disk, said = tmp_path / "disk", tmp_path / "said"
    disk.mkdir()
    state, expected = undisturbed.states[stage], undisturbed.files[stage]
    ended = in_process(_on_a_full_disk, state, disk, said, stage, expected)
    if ended.code == NO_DISK:
        pytest.skip("this system lets tests mount no disk")
    lines = said.read_text(encoding="utf-8").splitlines()
    assert ended.code == 0, lines
    (error,) = [line for line in lines if line.startswith("error:")]
    assert "No space left on device" in error
    assert not any("Traceback" in line for line in lines)
