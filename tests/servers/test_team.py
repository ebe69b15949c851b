"""Publishing to a real tracking server with PostgreSQL, S3 and passwords, and loading from it."""

import itertools
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import mlflow
import pytest
from team_servers import TeamServers, listens

from attention_programs import cli
from attention_programs.errors import UserError
from attention_programs.surrogate.losses import text_losses
from attention_programs.tracking import publish as publishing
from attention_programs.tracking import runs as run_contents
from attention_programs.tracking.lookup import ALIAS, DATABASE, surrogate_info
from attention_programs.tracking.mlflow_store import open_store
from attention_programs.tracking.model_registry import load_surrogate
from attention_programs.tracking.store import EXPERIMENT, Store
from conftest import SENTENCES
from small_project import SELECTED, exit_code, make_repository, publish_at, start, write_params

LIMITS = itertools.count(1000)
"""Limits of the gate that no other test has: each makes a content of its own."""


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that is not published; no test changes it."""
    return make_repository(tmp_path_factory.mktemp("template") / "repository")


@pytest.fixture
def project(template: Path, tmp_path: Path) -> Path:
    """A copy of the project."""
    return shutil.copytree(template, tmp_path / "project")


@pytest.fixture
def team(servers: TeamServers, monkeypatch: pytest.MonkeyPatch) -> TeamServers:
    """The servers, named in the environment."""
    for name, value in servers.environment.items():
        monkeypatch.setenv(name, value)
    return servers


def new_content(root: Path, **tracking: Any) -> None:
    """Settings that were not published yet; the gate is passed."""
    write_params(root, tracking={"gate_percent": 25, "gate_increase": float(next(LIMITS)), **tracking})


def contents(store: Store) -> dict[str, Any]:
    """What somebody sees in the store, apart from artifacts."""
    runs = store.runs(store.experiment(EXPERIMENT), "")
    return {
        "runs": {run.info.run_id: run.info.status for run in runs},
        "versions": sorted(int(version.version) for version in store.client.search_model_versions()),
        "models": sorted(model.model_id for model in store.client.search_logged_models([runs[0].info.experiment_id])),
    }


def added(before: dict[str, Any], after: dict[str, Any]) -> dict[str, int]:
    return {kind: len(after[kind]) - len(before[kind]) for kind in before}


def in_process(root: Path, function: str, act: Callable[[], None], module: Any = publishing) -> int:
    """Publishes in another process, which acts when ``function`` returns for the first time."""

    def work() -> None:
        original = getattr(module, function)

        def acting(*arguments: Any) -> Any:
            result = original(*arguments)
            act()
            return result

        setattr(module, function, acting)
        publish_at(root)

    return start(work)


def test_published_twice_is_one_version_in_postgresql_and_s3(
    project: Path, team: TeamServers, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["publish", "--project", str(project)]) == 0
    said = capsys.readouterr()
    with open_store(project) as store:
        before = contents(store)
        first = publish_at(project)
        assert contents(store) == before
    assert f"{team.address}/{first.url}" in said.out
    assert (first.version, first.alias, first.programs) == ("1", ALIAS, 3)
    assert set(before["runs"].values()) == {"FINISHED"}
    assert team.rows("SELECT status FROM runs WHERE run_uuid = '" + first.run_id + "'") == [("FINISHED",)]
    assert team.rows("SELECT version FROM model_versions WHERE name = 'surrogate-tiny-llama'") == [(1,)]
    stored = team.stored()
    folder = f"{first.experiment_id}/{first.run_id}/artifacts"
    heads = project / "results/tiny-llama/heads.csv"
    assert stored[f"{folder}/results/heads.csv"] == heads.stat().st_size
    assert {f"{folder}/{name}" for name in ("params.yaml", "dvc.lock", "reports/figures/heads.png")} <= set(stored)
    assert len([key for key in stored if key.endswith("program.py")]) == len(set(SELECTED.values()))
    assert [key for key in stored if key.endswith("artifacts/artifacts/surrogate.json")]
    assert not (project / DATABASE).exists()
    for secret in (team.password, team.s3_secret):
        assert secret not in said.out + said.err
        assert not team.rows(f"SELECT 1 FROM tags WHERE value LIKE '%{secret}%'")
        for path in project.rglob("*"):
            assert path.is_dir() or secret.encode() not in path.read_bytes()


@pytest.mark.parametrize(
    ("function", "module", "written"),
    [("log_program", publishing, 2), ("register", publishing, 4), ("write_calls", run_contents, 2)],
)
def test_a_publisher_that_is_killed_is_followed_by_one_that_resumes(
    project: Path, team: TeamServers, function: str, module: Any, written: int
) -> None:
    """After the first program, after the version, and in the middle of a program of which half is written."""
    publish_at(project)
    new_content(project)
    with open_store(project) as store:
        before = contents(store)
        killed = in_process(project, function, lambda: os.kill(os.getpid(), signal.SIGKILL), module)
        assert exit_code(killed) == -signal.SIGKILL
        half = contents(store)
        assert added(before, half)["runs"] == written
        assert "RUNNING" in half["runs"].values()
        published = publish_at(project)
        whole = contents(store)
        assert added(before, whole) == {"runs": 4, "versions": 1, "models": 1}
        assert set(whole["runs"].values()) == {"FINISHED"}
        assert surrogate_info("tiny-llama", project).version == published.version
        assert publish_at(project) == published
        assert contents(store) == whole
    present = {key.split("/")[1] for key in team.stored()} - {"models"}
    assert present == set(whole["runs"])


@pytest.mark.parametrize("meet_after", ["fill_profile_run", "register"])
def test_two_publishers_at_once_give_one_version(
    project: Path, tmp_path: Path, team: TeamServers, meet_after: str
) -> None:
    """On two machines: each has its own copy, so that no file lock is shared, and waits until the other is as far."""
    publish_at(project)
    new_content(project)
    other = shutil.copytree(project, tmp_path / "another machine")
    with open_store(project) as store:
        before = contents(store)
        meeting = tmp_path / "meeting"
        meeting.mkdir()

        def wait_for_the_other() -> None:
            (meeting / str(os.getpid())).touch()
            while len(list(meeting.iterdir())) < 2:
                time.sleep(0.05)

        both = [in_process(root, meet_after, wait_for_the_other) for root in (project, other)]
        assert [exit_code(process) for process in both] == [0, 0]
        after = contents(store)
        assert added(before, after) == {"runs": 4, "versions": 1, "models": 1}
        assert set(after["runs"].values()) == {"FINISHED"}
        published = publish_at(project)
        assert published == publish_at(other)
        assert published.version == surrogate_info("tiny-llama", other).version
        assert contents(store) == after


def test_a_publisher_at_work_on_another_content_is_left_alone(project: Path, team: TeamServers) -> None:
    with open_store(project) as store:
        publish_at(project)
        new_content(project)
        killed = in_process(project, "log_program", lambda: os._exit(9))
        assert exit_code(killed) == 9
        unfinished = [key for key, status in contents(store)["runs"].items() if status == "RUNNING"]
        new_content(project)
        publish_at(project)
        assert {run: contents(store)["runs"].get(run) for run in unfinished} == dict.fromkeys(unfinished, "RUNNING")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(publishing, "LONGEST_HOURS", 0)  # as on the next day
            publish_at(project)
        assert not contents(store)["runs"].keys() & set(unfinished)


@pytest.mark.parametrize("arguments", [["publish"], ["surrogate", "info", "tiny-llama"], ["ui"]])
def test_a_wrong_password_is_one_line(
    project: Path,
    team: TeamServers,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "not the password")
    assert cli.main([*arguments, "--project", str(project)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        f"error: {team.address} rejects user 'admin'; set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, then "
        "run the command again\n"
    )


def test_a_server_that_goes_away_while_publishing_loses_nothing(
    project: Path, team: TeamServers, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    new_content(project)
    original = publishing.log_program

    def then_gone(*arguments: Any) -> None:
        original(*arguments)
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "changed")

    with monkeypatch.context() as patch:
        patch.setattr(publishing, "log_program", then_gone)
        assert cli.main(["publish", "--project", str(project)]) == 2
    assert "rejects user 'admin'" in capsys.readouterr().err
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", team.password)
    published = publish_at(project)
    assert surrogate_info("tiny-llama", project).version == published.version
    with open_store(project) as store:
        assert set(contents(store)["runs"].values()) == {"FINISHED"}


def test_a_surrogate_is_loaded_and_measured_again_from_the_server(
    project: Path, team: TeamServers, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    published = publish_at(project)
    info = surrogate_info(f"tiny-llama/{published.version}", project)
    assert info.specification.read_bytes() == (project / "data/tiny-llama/surrogate.json").read_bytes()
    assert info.specification.is_relative_to(project / ".cache")
    assert {head: program.name for head, program in info.assignment.items()} == dict(list(SELECTED.items())[:3])
    assert (info.run_id, info.tags["percent"]) == (published.run_id, "25")
    assert "3 attention heads (25 %" in info.description
    losses = text_losses(load_surrogate("tiny-llama", project, verify=True), list(SENTENCES), 24)

    assert cli.main(["surrogate", "info", "tiny-llama", "--verify", "--project", str(project)]) == 0
    assert "3 recorded test texts" in capsys.readouterr().out

    monkeypatch.chdir(project)
    model = mlflow.pyfunc.load_model(f"models:/surrogate-tiny-llama@{ALIAS}")
    table = model.predict(list(SENTENCES))
    assert (table["loss"] * table["tokens"]).tolist() == pytest.approx([loss.loss_sum for loss in losses])

    for reference, message in (
        ("gpt2", "no surrogate 'surrogate-gpt2' is registered; choose from surrogate-tiny-llama"),
        ("tiny-llama@best", "no alias 'best'; versions: 1"),
        ("tiny-llama/999", "no version 999; versions: 1"),
    ):
        with pytest.raises(UserError, match=message):
            surrogate_info(reference, project)


def test_a_surrogate_whose_file_was_changed_on_the_server_is_rejected(project: Path, team: TeamServers) -> None:
    new_content(project)
    published = publish_at(project)
    with open_store(project) as store:
        store.client.set_model_version_tag(
            published.model, published.version, "dvc/data/tiny-llama/surrogate.json", "0" * 32
        )
    with pytest.raises(UserError, match="is not the file that was published"):
        surrogate_info(f"tiny-llama/{published.version}", project)


def test_ui_prints_the_servers_address_and_starts_nothing(
    project: Path, team: TeamServers, capsys: pytest.CaptureFixture[str]
) -> None:
    published = publish_at(project)
    assert cli.main(["ui", "--project", str(project)]) == 0
    runs = f"{team.address}/#/experiments/{published.experiment_id}/runs?viewStateShareKey=models"
    assert capsys.readouterr().out.splitlines()[0] == f"runs:     {runs}"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere only an orderly end stops the servers")
@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGKILL])
def test_the_servers_end_with_the_tests_however_these_end(by: signal.Signals) -> None:
    code = (
        "import sys, time, team_servers\n"
        "with team_servers.team_servers() as servers:\n"
        "    print(servers.address, servers.s3_address, servers.database, flush=True)\n"
        "    time.sleep(10_000)\n"
    )
    command = [sys.executable, "-W", "ignore", "-c", code]
    with subprocess.Popen(command, cwd=Path(__file__).parent, stdout=subprocess.PIPE, text=True) as tests:
        assert tests.stdout is not None
        addresses = [urlsplit(address) for address in tests.stdout.readline().split()]
        assert len(addresses) == 3
        assert all(listens(address.port or 0) for address in addresses)
        tests.send_signal(by)
    end = time.monotonic() + 120
    while any(listens(address.port or 0) for address in addresses):
        assert time.monotonic() < end
        time.sleep(0.2)
