"""Two runs in one project: the second one is refused, and a run that was killed keeps nobody out."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from attention_programs import cli
from attention_programs.errors import UserError
from attention_programs.files import write_json, write_text
from attention_programs.project.run_lock import DVC_AT_WORK, only_run
from conftest import ROOT

HOLD = """
import sys, time
from pathlib import Path
from attention_programs.project.run_lock import only_run
with only_run(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_second_run_is_refused_until_the_first_has_ended_or_was_killed(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE, text=True)
    assert holder.stdout
    assert holder.stdout.readline() == "held\n"
    busy = f"another run is at work in {re.escape(str(tmp_path))}; wait"
    with pytest.raises(UserError, match=busy), only_run(tmp_path):
        pass
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with only_run(tmp_path):
        pass


def test_dvc_at_work_is_found_and_a_process_that_is_gone_is_not(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    write_json(tmp_path / DVC_AT_WORK, {"out": {"write": {"pid": gone.pid, "cmd": "dvc repro"}}, "in": {"read": []}})
    with only_run(tmp_path):
        pass
    write_json(tmp_path / DVC_AT_WORK, {"in": {"read": [{"pid": os.getpid(), "cmd": "dvc repro"}]}})
    with pytest.raises(UserError, match=rf"DVC \(process {os.getpid()}\) is at work"), only_run(tmp_path):
        pass


@pytest.mark.parametrize("arguments", [["configure", "smoke"], ["reproduce", "--profile", "smoke"]])
def test_settings_stay_as_they_are_while_another_run_is_at_work(
    tmp_path: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    write_text(tmp_path / "params.yaml", (ROOT / "params.yaml").read_text(encoding="utf-8"))
    with only_run(tmp_path):
        assert cli.main([*arguments, "--project", str(tmp_path)]) == 2
    assert "another run is at work" in capsys.readouterr().err
    assert (tmp_path / "params.yaml").read_bytes() == (ROOT / "params.yaml").read_bytes()
