"""The score stage on a cluster of separate processes: the same bytes, also if a worker is killed in the middle."""

import importlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from attention_programs.attention.writing import extract_to_folder
from attention_programs.config import AttentionSettings, Config
from attention_programs.corpora.text import Text, text_key
from attention_programs.errors import UserError
from attention_programs.files import read_json
from attention_programs.paths import Paths
from attention_programs.programs.record import ProgramRecord, write_programs
from attention_programs.scoring import first_pass
from attention_programs.tasks import CLUSTER, run_tasks, workplace
from attention_programs.untrusted import cluster_runner
from builders import config_with, program_record
from conftest import tiny_model
from dask_cluster import START_SECONDS, Cluster, running

WORDS = "the old dog saw two green birds and ran home".split()
SLOW = "0 * sum(range(600_000))"


def programs() -> list[ProgramRecord]:
    """Trusted ones; imported ones, of which some are ruled out; ones that fail; slow ones."""
    imported = [f"np.tril(np.ones((text.n, text.n))) + {k} * np.eye(text.n)" for k in (0, 0.001, 5, 50)]
    free = [f"np.eye(text.n) + {k} * text.uniform + {SLOW}" for k in range(1, 7)]
    return [
        program_record("text.previous_token"),
        *(program_record(expression, author="imported") for expression in imported),
        program_record("1 / 0 if text.n > 9 else text.uniform", "fails", "llm"),
        *(program_record(expression, author="llm") for expression in free),
        program_record("text.first_token"),
    ]


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.setattr(first_pass, "FIRST_TEXTS", 4)
    monkeypatch.setattr(cluster_runner, "PROGRAMS_AT_ONCE", 2)
    made = config_with()
    return replace(made, threads=1, sandbox=replace(made.sandbox, check_texts=2, text_seconds=60, program_seconds=600))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Patterns and programs."""
    folder = tmp_path_factory.mktemp("data")
    sentences = [" ".join(np.random.default_rng(i).permutation(WORDS)[: 5 + i % 5]) for i in range(12)]
    texts = [Text(text_key(s), "a", "validation" if i < 9 else "test", s) for i, s in enumerate(sentences)]
    settings = AttentionSettings(max_tokens=24, shard_texts=5)
    extract_to_folder(tiny_model("llama"), texts, settings, folder / "attention")
    write_programs(folder / "programs.jsonl", programs())
    return folder


def scored(config: Config, data: Path, root: Path) -> dict[str, bytes]:
    """What the stage writes in a project of its own."""
    paths = Paths(root, root / "model", root / "data", root / "results", root / "report")
    paths.data.mkdir(parents=True)
    (root / "params.yaml").touch()
    for name in ("attention", "programs.jsonl"):
        (paths.data / name).symlink_to(data / name)
    importlib.import_module("pipelines.score").main(config, paths)
    assert not paths.outcomes.exists()
    return {name: (root / name).read_bytes() for name in ("data/scores.parquet", "results/scoring.json")}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running(2, tmp_path_factory.mktemp("dask") / "two workers") as started:
        yield started


@pytest.mark.slow
def test_two_workers_write_the_same_bytes_and_one_of_them_may_be_killed(
    config: Config,
    data: Path,
    cluster: Cluster,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv(CLUSTER, raising=False)
    here = scored(config, data, tmp_path / "here")
    monkeypatch.setenv(CLUSTER, cluster.address)
    assert scored(config, data, tmp_path / "there") == here
    said = capfd.readouterr().err
    assert "cluster: 2 workers; watch them at http://127.0.0.1:" in said
    assert "scoring: 12 of 12 texts" in said
    assert read_json(tmp_path / "there/results/scoring.json")["sandbox"] == "strong"
    assert read_json(tmp_path / "there/results/scoring.json")["runs_by_status"]["ruled out"] > 0

    def kill() -> None:
        end = time.monotonic() + START_SECONDS
        while len(list((tmp_path / "killed/data/outcomes").glob("*/*.arrow"))) < 6 and time.monotonic() < end:
            time.sleep(0.02)
        os.kill(cluster.workers[0].pid, signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    assert scored(config, data, tmp_path / "killed") == here
    thread.join()
    assert cluster.workers[0].wait() == -signal.SIGKILL
    assert "cluster: 2 workers" in capfd.readouterr().err


def test_a_task_that_ends_its_workers_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES", "0")  # read by the scheduler that is started
    (tmp_path / "params.yaml").touch()
    with running(1, tmp_path / "dask") as started:
        monkeypatch.setenv(CLUSTER, started.address)
        expected = "workers died one after the other, as for want of memory"
        with workplace(tmp_path) as place, pytest.raises(UserError, match=expected):
            list(run_tasks(os._exit, [1], place, "exits"))  # without a word, as a process that is killed


def test_a_scheduler_that_is_gone_is_one_line(
    config: Config, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(1, tmp_path / "dask") as started:
        monkeypatch.setenv(CLUSTER, started.address)

        def kill() -> None:
            end = time.monotonic() + START_SECONDS
            while not list((tmp_path / "project/data/outcomes").glob("*/*.arrow")) and time.monotonic() < end:
                time.sleep(0.02)
            started.scheduler.kill()

        thread = threading.Thread(target=kill)
        thread.start()
        with pytest.raises(UserError, match="scheduler is gone; start it again"):
            scored(config, data, tmp_path / "project")
        thread.join()
