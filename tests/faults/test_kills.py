"""Whatever is killed, whenever: the next run ends with the bytes of an undisturbed one."""

import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
from faulty import Undisturbed, in_process

from attention_programs.tracking.lookup import ALIAS
from attention_programs.tracking.mlflow_store import EXPERIMENT, open_store
from shared_data import dvc, git
from tiny_project import STAGES, made, publish_at, run_stage

KILLS = 10


def _moments(seconds: float, stage: str) -> list[float]:
    """Random moments, most of them while the work is done: a process needs some of the time to start."""
    draws = np.random.default_rng([*stage.encode()]).uniform(0, 1, KILLS)
    return [float(moment) for moment in draws * seconds]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_that_was_killed_ten_times_ends_with_the_same_bytes(
    undisturbed: Undisturbed, tmp_path: Path, stage: str
) -> None:
    root = shutil.copytree(undisturbed.states[stage], tmp_path / "repository", symlinks=True)
    moments = _moments(undisturbed.seconds[stage], stage)
    codes = [in_process(run_stage, root, stage, seconds=moment).code for moment in moments]
    assert set(codes) <= {0, -signal.SIGKILL}
    assert -signal.SIGKILL in codes
    assert in_process(run_stage, root, stage).code == 0
    expected, found = undisturbed.files[stage], made(root)
    assert found.keys() == expected.keys()
    assert [name for name in expected if found[name] != expected[name]] == []


def _publish(root: Path) -> None:
    publish_at(root)


def test_a_publisher_that_was_killed_ten_times_leaves_one_version(undisturbed: Undisturbed, tmp_path: Path) -> None:
    root = shutil.copytree(undisturbed.states[""], tmp_path / "repository", symlinks=True)
    git(root, "init", "--quiet")
    dvc(root, "commit", "--force", "dvc.yaml")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "Results")
    other = shutil.copytree(root, tmp_path / "other", symlinks=True)
    seconds = in_process(_publish, other).seconds
    codes = [in_process(_publish, root, seconds=moment).code for moment in _moments(seconds, "publish")]
    assert -signal.SIGKILL in codes
    assert in_process(_publish, root).code == 0
    assert _contents(root) == _contents(other)


def _contents(root: Path) -> dict[str, object]:
    """What a store holds, apart from ids and times."""
    with open_store(root) as store:
        runs = store.runs(store.experiment(EXPERIMENT), "")
        (model,) = store.client.search_registered_models()
        version = store.client.get_model_version_by_alias(model.name, ALIAS)
        files = store.folder(store.client.get_run(version.run_id).info.artifact_uri)
        return {
            "runs": sorted((run.info.run_name, run.info.status, sorted(run.data.metrics)) for run in runs),
            "versions": [version.version for version in store.client.search_model_versions()],
            "files": sorted(path.relative_to(files).as_posix() for path in files.rglob("*")),
        }
