"""Models and data sets of the hub, through a stand-in on this machine: had whole, or refused in one line."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from attention_programs.files import write_jsonl
from conftest import ROOT, SENTENCES, tiny_model
from hub_stand_in import Repository, hub_of

SCRIPT = """
import json, sys
from dataclasses import asdict
from pathlib import Path
from attention_programs.config import CorpusSettings, ModelSettings
from attention_programs.corpora.sources import load_corpus
from attention_programs.errors import UserError
from attention_programs.hub import commit_of, require_access, size_of
from attention_programs.models.fetching import fetch_model

def answer(kind, **values):
    if kind == "model":
        return asdict(fetch_model(ModelSettings(**values), Path("models") / values["name"]))
    if kind == "corpus":
        fields = tuple(values.get("fields", ["text"]))
        return load_corpus(CorpusSettings(**{**values, "fields": fields, "rows": (0, 3)}))
    return {"commit": commit_of, "size": size_of, "access": require_access}[kind](**values)

for case in json.load(sys.stdin):
    try:
        print(json.dumps({"found": answer(**case)}))
    except UserError as error:
        print(json.dumps({"error": str(error)}))
"""
FAMILIES = {"gpt2": "gpt2", "bert-base": "bert", "tinyllama-1.1b": "llama", "llama-3.2-3b": "llama"}
COMMITS = [f"{number:040x}" for number in range(1, 10)]


def ask(endpoint: str, folder: Path, cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Runs cases in a process of their own, as the hub's client reads its address when it is imported."""
    offline = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_TOKEN")
    environment = {name: value for name, value in os.environ.items() if name not in offline}
    environment |= {"HF_ENDPOINT": endpoint, "HF_HOME": str(folder / "cache"), "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-c", SCRIPT]
    run = subprocess.run(
        command, input=json.dumps(cases), cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]


def conf(group: str, name: str) -> dict[str, Any]:
    return yaml.safe_load((ROOT / "conf" / group / f"{name}.yaml").read_text(encoding="utf-8"))


def model(name: str, location: str, revision: str) -> dict[str, Any]:
    return {"kind": "model", "name": name, "source": "hub", "location": location, "revision": revision}


def corpus(location: str) -> dict[str, Any]:
    return {"kind": "corpus", "name": "x", "source": "hub", "location": location, "revision": COMMITS[5]}


@pytest.fixture(scope="module")
def repositories(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Repository]:
    """Tiny models under the ids and commits of the paper's, and others that fail."""
    root = tmp_path_factory.mktemp("hub")
    for family in ("llama", "gpt2", "bert"):
        tiny_model(family).model.save_pretrained(root / family)
        tiny_model(family).tokenizer.save_pretrained(root / family)
    found = {}
    for name, family in (
        ("gpt2", "gpt2"),
        ("bert-base", "bert"),
        ("tinyllama-1.1b", "llama"),
        ("llama-3.2-3b", "llama"),
    ):
        settings = conf("model", name)
        found[f"models/{settings['location']}"] = Repository(root / family, settings["revision"])
    found["models/own/gated"] = Repository(root / "llama", COMMITS[0], gated=True)
    found["models/own/cut"] = Repository(root / "llama", COMMITS[1], cut=1)
    found["models/own/broken"] = Repository(root / "llama", COMMITS[2], cut=1000)
    found["models/own/slow"] = Repository(root / "llama", COMMITS[3], seconds=0.2)
    stories, code = root / "stories", root / "code"
    write_jsonl(stories / "validation.jsonl", ({"text": text} for text in SENTENCES))
    write_jsonl(code / "train.jsonl", ({"prompt": text, "response": "x"} for text in SENTENCES))
    sources = {source["name"]: source for source in conf("corpora", "paper")["sources"]}
    found[f"datasets/{sources['stories']['location']}"] = Repository(stories, sources["stories"]["revision"])
    found[f"datasets/{sources['code']['location']}"] = Repository(code, COMMITS[4])
    found["datasets/own/gated"] = Repository(code, COMMITS[5], gated=True)
    return found


@pytest.fixture(scope="module")
def hub(repositories: Mapping[str, Repository]) -> Iterator[str]:
    with hub_of(repositories) as address:
        yield address


REFUSED = [
    (model("gated", "own/gated", COMMITS[0]), r"is gated: accept its licence at http.*/own/gated, and set HF_TOKEN"),
    (model("none", "own/none", COMMITS[0]), r"cannot load 'own/none' \(.* has no such repository; correct the id"),
    (model("broken", "own/broken", COMMITS[2]), r"can't be reached, or broke off\); .*set model.source: folder"),
    (model("old", "own/slow", COMMITS[8]), r"has no such revision; correct it\); .*set model.source: folder"),
    (
        corpus("own/gated"),
        r"at 00000000 \(the repository is gated: .*/datasets/own/gated, and set HF_TOKEN",
    ),
    (corpus("own/none"), r"has no such repository; correct the id.*export it to JSONL and set source: file"),
    ({"kind": "commit", "location": "own/none"}, r"no such repo.*; or give the path of a local folder or GGUF file"),
    ({"kind": "commit", "location": "own/slow", "revision": "v9"}, r"has no such revision"),
]
HAD = {
    "stories": conf("corpora", "paper")["sources"][0] | {"kind": "corpus"},
    "code": conf("corpora", "paper")["sources"][1] | {"kind": "corpus", "revision": COMMITS[4]},
    "slow": model("slow", "own/slow", COMMITS[3]),
    "cut": model("cut", "own/cut", COMMITS[1]),
    "default branch": {"kind": "commit", "location": "own/slow"},
    "tag": {"kind": "commit", "location": "own/slow", "revision": "v1"},
    "size": {"kind": "size", "location": "own/slow", "revision": COMMITS[3]},
} | {name: {"kind": "model", **conf("model", name)} for name in FAMILIES}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("project")


@pytest.fixture(scope="module")
def answers(hub: str, folder: Path) -> list[dict[str, Any]]:
    return ask(hub, folder, [*HAD.values(), *(case for case, _ in REFUSED)])


@pytest.fixture(scope="module")
def had(answers: list[dict[str, Any]]) -> dict[str, Any]:
    return {name: answer.get("found", answer) for name, answer in zip(HAD, answers, strict=False)}


def test_the_papers_models_and_texts_are_had_at_their_commits(had: Mapping[str, Any], folder: Path) -> None:
    for name in FAMILIES:
        assert had[name]["revision"] == conf("model", name)["revision"]
        assert (folder / "models" / name / "model.safetensors").is_file()
    assert had["stories"] == list(SENTENCES[:3])
    assert had["code"] == [f"{text}\n\nx" for text in SENTENCES[:3]]


def test_downloads_that_are_slow_or_break_off_are_finished(
    had: Mapping[str, Any], repositories: Mapping[str, Repository]
) -> None:
    assert had["slow"]["weights_sha256"] == had["cut"]["weights_sha256"]
    assert repositories["models/own/cut"].cut == 0


def test_a_revision_is_looked_up(had: Mapping[str, Any], repositories: Mapping[str, Repository]) -> None:
    assert had["default branch"] == had["tag"] == COMMITS[3]
    assert had["size"] == (repositories["models/own/slow"].folder / "model.safetensors").stat().st_size


def test_what_the_hub_refuses_is_said_in_one_line_and_nothing_is_written(
    answers: list[dict[str, Any]], had: Mapping[str, Any], folder: Path
) -> None:
    for answer, (_, words) in zip(answers[len(HAD) :], REFUSED, strict=True):
        assert "\n" not in answer["error"]
        assert re.search(words, answer["error"]), answer["error"]
    assert {path.name for path in (folder / "models").iterdir()} == {*FAMILIES, "slow", "cut"}


def test_a_hub_out_of_reach_is_named_at_once_unless_the_model_is_in_the_cache(
    had: Mapping[str, Any], folder: Path
) -> None:
    closed = "http://127.0.0.1:9"
    cached = {"kind": "access", "location": "own/slow", "revision": COMMITS[3], "remedy": "x"}
    known, refused = ask(closed, folder, [cached, model("other", "own/gated", COMMITS[0])])
    assert known == {"found": None}
    assert f"{closed} can't be reached" in refused["error"]
    assert refused["error"].endswith("and give that to --model, or set model.source: folder")
    assert not (folder / "models/other").exists()
