import os
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from attention_programs.errors import UserError
from attention_programs.tracking.addresses import ROOT_VARIABLE, artifact_uri, current_root, resolve
from attention_programs.tracking.artifact_store import RepositoryArtifactRepository
from conftest import ROOT


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv(ROOT_VARIABLE, raising=False)
    (tmp_path / "params.yaml").touch()
    (tmp_path / "mlruns/artifacts").mkdir(parents=True)
    return tmp_path


def test_address_stands_for_a_folder_below_the_root(root: Path) -> None:
    assert resolve(artifact_uri("m", "run"), root) == root / "mlruns/artifacts/m/run"


@pytest.mark.parametrize(
    "uri",
    [
        "repo:/mlruns/artifacts/../mlflow.db",
        "repo:/mlruns/artifacts/m/../../../secret",
        "repo:/../outside",
        "repo:/mlruns/artifacts-of-another/m",
        "repo:/src",
        "repo:/mlruns/artifacts",
        "repo:/",
    ],
)
def test_address_that_leaves_the_store_is_refused(root: Path, uri: str) -> None:
    with pytest.raises(UserError, match="leaves mlruns/artifacts"):
        resolve(uri, root)


@pytest.mark.parametrize(
    "uri", ["repo://host/mlruns/artifacts/m", "repo:mlruns/artifacts/m", "file:///mlruns/artifacts/m"]
)
def test_address_of_another_form_is_refused(root: Path, uri: str) -> None:
    with pytest.raises(UserError, match="does not have the form"):
        resolve(uri, root)


def test_link_out_of_the_store_is_refused(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    (root / "mlruns/artifacts/m").symlink_to(tmp_path_factory.mktemp("elsewhere"))
    with pytest.raises(UserError, match="leaves mlruns/artifacts"):
        resolve("repo:/mlruns/artifacts/m", root)


def test_store_that_is_itself_a_link_works(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    big_disk = tmp_path_factory.mktemp("big-disk")
    (root / "mlruns/artifacts").rmdir()
    (root / "mlruns/artifacts").symlink_to(big_disk)
    assert resolve("repo:/mlruns/artifacts/m", root) == big_disk / "m"


def test_root_is_the_variable_or_else_the_repository_around(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "deep/er").mkdir(parents=True)
    monkeypatch.chdir(root / "deep/er")
    assert current_root() == root
    monkeypatch.setenv(ROOT_VARIABLE, str(root / "deep"))
    assert current_root() == root / "deep"
    monkeypatch.setenv(ROOT_VARIABLE, str(root / "nowhere"))
    with pytest.raises(UserError, match="not a folder"):
        current_root()


def test_outside_of_a_repository_the_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ROOT_VARIABLE, raising=False)
    monkeypatch.chdir("/")
    with pytest.raises(UserError, match=ROOT_VARIABLE):
        current_root()


def test_mlflow_finds_the_plugin_and_its_files_move_with_the_repository(
    root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setenv(ROOT_VARIABLE, str(root))
    source = root / "table.csv"
    source.write_text("a\n1\n")
    store = get_artifact_repository(artifact_uri("m", "run"))
    assert isinstance(store, RepositoryArtifactRepository)
    store.log_artifact(str(source), "tables")
    moved = tmp_path_factory.mktemp("moved") / "repository"
    os.rename(root, moved)
    monkeypatch.setenv(ROOT_VARIABLE, str(moved))
    store = get_artifact_repository(artifact_uri("m", "run"))
    assert [file.path for file in store.list_artifacts("tables")] == ["tables/table.csv"]
    assert Path(store.download_artifacts("tables/table.csv")).read_text() == "a\n1\n"
    store.delete_artifacts("tables")
    assert store.list_artifacts() == []


def test_file_outside_of_a_run_cannot_be_reached_through_it(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ROOT_VARIABLE, str(root))
    (root / "mlruns/artifacts/m/run").mkdir(parents=True)
    (root / "mlruns/artifacts/m/other.txt").write_text("other")
    store = get_artifact_repository(artifact_uri("m", "run"))
    with pytest.raises(Exception, match=r"[Ii]nvalid|not allowed|resolved path"):
        store.download_artifacts("../other.txt")
    with pytest.raises(Exception, match=r"[Ii]nvalid|not allowed|resolved path"):
        store.list_artifacts("..")


@pytest.mark.parametrize(
    "module", ["mlflow", *(f"attention_programs.tracking.{name}" for name in ("mlflow_store", "pages"))]
)
def test_repository_is_known_whatever_is_imported_first(module: str) -> None:
    code = (
        f"import {module}\n"
        "from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository as get\n"
        "print(type(get('repo:/mlruns/artifacts/x')).__name__)"
    )
    command = [sys.executable, "-W", "error::UserWarning", "-c", code]
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert run.stdout.strip() == "RepositoryArtifactRepository", run.stderr
