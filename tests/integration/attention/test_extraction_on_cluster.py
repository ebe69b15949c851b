"""The attention stage on a cluster of separate processes: the same files, also if a worker is killed in the middle."""

import importlib
import os
import signal
import threading
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from attention_programs.config import AttentionSettings, Config
from attention_programs.corpora.text import Text, text_key
from attention_programs.files import write_jsonl
from attention_programs.models.model_record import weights_hash, write_record
from attention_programs.paths import Paths
from attention_programs.tasks import CLUSTER
from builders import config_with, save_model
from conftest import SENTENCES, tiny_model
from dask_cluster import START_SECONDS, running

SHARDS = 20


def extracted(config: Config, root: Path) -> dict[str, bytes]:
    """What the stage writes in a project of its own."""
    paths = Paths(root, root / "model", root / "data", root / "results", root / "report")
    loaded = tiny_model("llama")
    save_model(loaded, paths.model)
    write_record(paths.model, replace(loaded.record, weights_sha256=weights_hash(paths.model)))
    (root / "params.yaml").touch()
    contents = [f"{sentence} {number}" for number in range(SHARDS * 2 // len(SENTENCES)) for sentence in SENTENCES]
    write_jsonl(paths.texts, (asdict(Text(text_key(text), "a", "test", text)) for text in contents))
    importlib.import_module("pipelines.attention").main(config, paths)
    return {file.name: file.read_bytes() for file in paths.attention.iterdir()}


@pytest.mark.slow
def test_two_workers_write_the_same_files_and_one_of_them_may_be_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(config_with(), threads=1, attention=AttentionSettings(max_tokens=24, shard_texts=2))
    monkeypatch.delenv(CLUSTER, raising=False)
    here = extracted(config, tmp_path / "here")
    assert len(here) == SHARDS + 1
    with running(2, tmp_path / "dask") as cluster:
        monkeypatch.setenv(CLUSTER, cluster.address)

        def kill() -> None:
            end = time.monotonic() + START_SECONDS
            while not list((tmp_path / "there/data/attention").glob("maps*")) and time.monotonic() < end:
                time.sleep(0.01)
            os.kill(cluster.workers[0].pid, signal.SIGKILL)

        thread = threading.Thread(target=kill)
        thread.start()
        assert extracted(config, tmp_path / "there") == here
        thread.join()
        assert cluster.workers[0].wait() == -signal.SIGKILL
        assert cluster.workers[1].poll() is None
