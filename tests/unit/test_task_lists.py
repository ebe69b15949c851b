"""Tasks in this process: in order, one at a time, and what stands in the way of a worker."""

import os
from pathlib import Path

import pytest

from attention_programs import tasks
from attention_programs.errors import UserError
from attention_programs.tasks import CLUSTER, HERE, code_and_versions, kept, run_tasks, workplace

DONE: list[int] = []


def square(number: int) -> int:
    DONE.append(number)
    return number**2


def inverse(number: int) -> float:
    return 1 / number


def test_without_a_cluster_tasks_run_here_when_their_results_are_wanted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(CLUSTER, raising=False)
    DONE.clear()
    with workplace(Path()) as place:
        assert place is HERE
        assert not place.is_cluster
        results = run_tasks(square, [3, 1, 2], place, "squares", "numbers")
        assert DONE == []
        assert next(results) == 9
        assert DONE == [3]
        assert list(results) == [1, 4]
    assert "squares: 3 of 3 numbers" in capsys.readouterr().err


def test_a_failing_task_ends_the_work_with_its_own_error() -> None:
    results = run_tasks(inverse, [1, 0, 2], HERE, "inverses")
    assert next(results) == 1
    with pytest.raises(ZeroDivisionError):
        next(results)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "127.0.0.1"])
def test_an_address_without_a_scheduler_is_one_line(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CLUSTER, address)
    monkeypatch.setattr(tasks, "WAIT_SECONDS", 1)
    expected = f"no scheduler answers at {CLUSTER}={address} .*dask scheduler"
    with pytest.raises(UserError, match=expected) as found, workplace(Path()):
        pass
    assert "\n" not in str(found.value)


def test_a_worker_needs_the_same_code_and_the_projects_folder(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").touch()
    assert tasks._OnWorker(square, code_and_versions(), tmp_path)(4) == 16
    with pytest.raises(UserError, match=r"runs other code or other versions of numpy, .*same environment"):
        tasks._OnWorker(square, "other", tmp_path)(4)
    with pytest.raises(UserError, match=rf"does not find the project in {tmp_path / 'none'}; .*same path"):
        tasks._OnWorker(square, code_and_versions(), tmp_path / "none")(4)


def make(key: str) -> list[str]:
    return [key, str(os.getpid())]


def test_what_tasks_need_is_made_once() -> None:
    assert kept(make, "a") is kept(make, "a")
    assert kept(make, "b") is not kept(make, "a")
