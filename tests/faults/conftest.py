"""The undisturbed run that all of these tests compare with."""

import shutil

import pytest
from faulty import Undisturbed, in_process

from tiny_project import STAGES, made, make_copy, run_stage


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    folder = tmp_path_factory.mktemp("undisturbed")
    root = make_copy(folder / "repository")
    found = Undisturbed({}, {}, {})
    for stage in STAGES:
        found.states[stage] = shutil.copytree(root, folder / stage, symlinks=True)
        ended = in_process(run_stage, root, stage)
        assert ended.code == 0
        found.files[stage], found.seconds[stage] = made(root), ended.seconds
    found.states[""] = root
    return found
