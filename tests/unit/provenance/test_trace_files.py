"""Files: what is behind them, and which change is noticed by which name."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from attention_programs.errors import UserError
from attention_programs.files import write_text
from attention_programs.provenance.history import History
from attention_programs.provenance.page import write_page
from attention_programs.provenance.record import Record
from attention_programs.provenance.subject import trace
from attention_programs.provenance.tree import tree
from attention_programs.provenance.verification import verify
from recorded_project import make_recorded_project

RESULT = "results/smollm2-135m/iou.csv"
TEXTS = "data/smollm2-135m/texts.jsonl"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_recorded_project(tmp_path)


def record(project: Path, thing: str = RESULT) -> Record:
    return trace(thing, "smollm2-135m", project, project)


def change(path: Path) -> None:
    """One byte."""
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    path.write_bytes(content)


def test_a_file_is_walked_down_to_inputs_code_settings_and_commit(project: Path) -> None:
    found = [(step.depth, step.node.kind, step.node.name) for step in record(project).walk()]
    assert found[:9] == [
        (0, "table", RESULT),
        (1, "stage", "report"),
        (2, "texts", TEXTS),
        (3, "stage", "corpora"),
        (4, "file", "corpora"),
        (4, "settings", "seed"),
        (4, "code", "1 files and folders, src/code.py and others"),
        (4, "lock file", "dvc.lock"),
        (5, "commit", "First results"),
    ]
    assert verify(record(project)).summary() == "11 of 11 verified"


def test_a_figure_is_verified_with_its_folder(project: Path) -> None:
    figure = record(project, "results/smollm2-135m/figures/fit.png")
    assert [step.node.name for step in figure.walk()][1] == "results/smollm2-135m/figures"
    change(project / "results/smollm2-135m/figures/fit.png")
    with pytest.raises(UserError, match="file results/smollm2-135m/figures is not as recorded"):
        verify(record(project, "results/smollm2-135m/figures/fit.png")).require()


@pytest.mark.parametrize("changed", [RESULT, TEXTS, "corpora/a.jsonl"])
def test_a_changed_byte_is_named(project: Path, changed: str) -> None:
    change(project / changed)
    place = "corpora" if changed.startswith("corpora") else changed
    with pytest.raises(UserError, match=f"{place} is not as recorded: {place} has md5 .*, recorded is"):
        verify(record(project)).require()


def test_the_source_is_named_before_what_was_made_from_it(project: Path) -> None:
    for path in (RESULT, "corpora/a.jsonl"):
        change(project / path)
    found = verify(record(project)).first_difference
    assert found is not None
    assert found.name == "corpora"


def test_missing_data_cannot_be_verified(project: Path) -> None:
    (project / TEXTS).unlink()
    found = verify(record(project))
    found.require()
    assert found.summary() == "10 of 11 verified, 1 not verifiable here"
    assert any("`dvc pull` fetches it" in line for line in tree(record(project), found))


def test_code_that_changed_is_found_in_history(project: Path) -> None:
    change(project / "src/code.py")
    change(project / "src/package/one.py")
    found = verify(record(project))
    found.require()
    commit = History(project).last_commit()[:10]
    assert found.summary() == "9 of 11 verified, 2 as in an earlier commit"
    assert f"src/package changed since; commit {commit} has it" in "\n".join(tree(record(project), found))


def edit_lock(project: Path, edit: Callable[[dict], None]) -> None:
    yaml = YAML()
    values = yaml.load(project / "dvc.lock")
    edit(values["stages"])
    yaml.dump(values, project / "dvc.lock")


def test_code_that_was_never_committed_differs(project: Path) -> None:
    edit_lock(project, lambda stages: stages["report"]["deps"][1].update(md5="0" * 32))
    with pytest.raises(UserError, match="src/package is neither here nor in an earlier commit"):
        verify(record(project)).require()


def test_stages_that_disagree_are_named(project: Path) -> None:
    edit_lock(project, lambda stages: stages["report"]["deps"][0].update(md5="0" * 32))
    with pytest.raises(UserError, match=f"stage report read {TEXTS} with md5 0+, but it was written with"):
        verify(record(project)).require()


def test_other_settings_are_named(project: Path) -> None:
    params = project / "params.yaml"
    write_text(params, params.read_text(encoding="utf-8").replace("\nseed: 0", "\nseed: 7"))
    with pytest.raises(UserError, match=r"seed of params\.yaml is 7, stage corpora ran with 0"):
        verify(record(project)).require()


def test_a_lock_file_that_is_not_committed_is_said(project: Path) -> None:
    edit_lock(project, lambda stages: stages["report"].update(cmd="python -m pipelines.report --again"))
    assert "1 not verifiable here" in verify(record(project)).summary()
    shutil.rmtree(project / ".git")
    assert {"verified", "unverified"} == {each.status for each in verify(record(project)).findings.values()}


def test_packages_that_changed_are_those_of_an_earlier_commit(project: Path) -> None:
    change(project / "requirements.lock")
    assert "1 as in an earlier commit" in verify(record(project)).summary()


def test_a_result_outside_the_pipelines_is_compared_with_its_commit(project: Path) -> None:
    found = record(project, "results/bench.json")
    assert [step.node.kind for step in found.walk()] == ["file", "commit"]
    assert "written by `make bench`" in found.nodes[found.root].details
    change(project / "results/bench.json")
    with pytest.raises(UserError, match=r"results/bench.json is not as commit"):
        verify(record(project, "results/bench.json")).require()


def test_a_missing_commit_is_not_whole(project: Path) -> None:
    history = History(project)
    assert history.is_whole(history.last_commit())
    assert not history.is_whole("0" * 40)


@pytest.mark.parametrize(
    ("thing", "message"),
    [
        ("iou/test/all/selectde", "close: iou/test/all/selected"),
        ("results/other/iou.csv", "nothing is recorded of profile 'other'; run it, or choose from"),
        ("results/smollm2-135m/no.csv", "neither in the project nor recorded in a lock file"),
        ("L0H0", "heads.csv does not exist"),
        ("0" * 32, "nothing is published yet"),
        ("smollm2-135m@latest-validated", "nothing is published yet"),
        ("no such program", "or name a file or figure"),
    ],
)
def test_what_is_not_there_is_said(project: Path, thing: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        record(project, thing)


def test_a_lock_file_that_is_damaged_is_said(project: Path) -> None:
    for content, message in (("[]", "not a lock file of DVC"), ("stages: {report: {outs: [{}]}}", "is damaged")):
        write_text(project / "dvc.lock", content)
        with pytest.raises(UserError, match=message):
            record(project)


def test_json_holds_every_node_and_finding(project: Path) -> None:
    found = record(project)
    values = json.loads(json.dumps(found.to_json(verify(found).findings)))
    assert values["root"] == f"file {RESULT}"
    assert {source for node in values["nodes"].values() for source in node["sources"]} < set(values["nodes"])
    assert {node["verification"]["status"] for node in values["nodes"].values()} == {"verified"}


def test_the_page_shows_every_node_and_loads_nothing(project: Path) -> None:
    found = record(project)
    write_page(project / "pages/trace.html", found, project, verify(found))
    page = (project / "pages/trace.html").read_text(encoding="utf-8")
    for node in found.nodes.values():
        assert node.name in page
        assert node.hash in page
    assert f'href="../{RESULT}"' in page
    assert "11 of 11 verified" in page
    assert "http" not in page
