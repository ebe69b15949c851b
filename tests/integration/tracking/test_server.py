"""A tracking server that can't be used: one line with the reason, soon, and nothing written."""

import os
import socket
from pathlib import Path

import mlflow
import pytest
from pytest_httpserver import HTTPServer

from attention_programs import cli
from attention_programs.errors import UserError
from attention_programs.project.reproduction import compose
from attention_programs.tracking.mlflow_store import open_store, traced
from attention_programs.tracking.saved_view import TAG, save_view
from attention_programs.tracking.server import PASSWORD, USER, VARIABLE, server_address
from attention_programs.tracking.store import EXPERIMENT
from conftest import ROOT


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    compose("smoke", tmp_path / "params.yaml", ROOT)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(USER, "ada")
    monkeypatch.setenv(PASSWORD, "secret-word")
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What a command that fails says: one line, without the password."""
    assert cli.main(list(arguments)) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.count("\n") == 1
    assert "secret-word" not in error
    return error


@pytest.mark.parametrize(
    ("address", "message"),
    [
        (
            "http://ada:secret-word@127.0.0.1:5000",
            "MLFLOW_TRACKING_URI holds a user or a password; set MLFLOW_TRACKING_USER",
        ),
        ("postgresql://ada:secret-word@127.0.0.1/mlflow", "MLFLOW_TRACKING_URI holds a user or a password"),
        (
            "postgresql://127.0.0.1/mlflow",
            r"names no tracking server \(postgresql address\); set it to http://HOST:PORT",
        ),
        ("mlruns", r"names no tracking server \(no address\)"),
        ("http://", r"names no tracking server \(http address\)"),
    ],
)
def test_an_address_that_is_no_servers_is_rejected(monkeypatch: pytest.MonkeyPatch, address: str, message: str) -> None:
    monkeypatch.setenv(VARIABLE, address)
    with pytest.raises(UserError, match=message) as raised:
        server_address()
    assert "secret-word" not in str(raised.value)


@pytest.mark.parametrize(
    ("address", "found"),
    [("", ""), ("sqlite:///mlruns/mlflow.db", ""), ("https://mlflow.example.org/", "https://mlflow.example.org")],
)
def test_a_server_is_used_only_if_named(monkeypatch: pytest.MonkeyPatch, address: str, found: str) -> None:
    monkeypatch.setenv(VARIABLE, address)
    assert server_address() == found


@pytest.mark.parametrize("arguments", [["ui"], ["surrogate", "info", "smollm2-135m"]])
def test_a_server_that_is_down_is_one_line(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    monkeypatch.setenv(VARIABLE, address)
    assert said(capsys, *arguments) == (
        f"error: no usable answer from the tracking server {address} (Connection refused); nothing in the project is "
        f"lost: check {VARIABLE} and the server, then run the command again\n"
    )
    assert [path.name for path in project.iterdir()] == ["params.yaml"]
    assert os.environ[VARIABLE] == address
    monkeypatch.delenv(VARIABLE)
    assert not mlflow.is_tracking_uri_set()


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (
            401,
            "rejects user 'ada'; set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD",
        ),
        (403, "forbids this to user 'ada'; ask its administrator"),
        (404, "(error code 404)"),
        (500, "(too many 500 error responses)"),
    ],
)
def test_a_servers_refusals_are_one_line(
    project: Path,
    httpserver: HTTPServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    status: int,
    message: str,
) -> None:
    httpserver.expect_request("/api/2.0/mlflow/experiments/search").respond_with_data("<html>No</html>", status)
    monkeypatch.setenv(VARIABLE, httpserver.url_for("/"))
    assert message in said(capsys, "ui")
    assert 1 <= len(httpserver.log) <= 3  # retries are bounded
    assert all("Authorization" in request.headers for request, _ in httpserver.log)


def test_calls_of_a_language_model_are_not_begun_if_they_cannot_be_traced(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        monkeypatch.setenv(VARIABLE, f"http://127.0.0.1:{listening.getsockname()[1]}")
    with pytest.raises(UserError, match="no usable answer"), traced(project):
        pytest.fail("calls were begun")


def test_the_saved_view_is_written_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_store(tmp_path, create=True) as store:
        number = store.experiment(EXPERIMENT)
        save_view(store, number)
        view = store.client.get_experiment(number).tags[TAG]
        assert "metrics.`surrogate/perplexity_increase`" in view
        with monkeypatch.context() as patch:
            patch.setattr(type(store.client), "set_experiment_tag", lambda *_: pytest.fail("written again"))
            save_view(store, number)
        assert len(view) < 5000  # MLflow's limit
