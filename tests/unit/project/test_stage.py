"""How a stage's process is prepared."""

import errno
import os
import platform
import subprocess
import sys
from typing import Any

import pytest

from attention_programs.errors import UserError
from attention_programs.memory import require_memory
from attention_programs.project import stage
from attention_programs.project.stage import run_stage
from conftest import ROOT

FAULTS = """
import resource, sys
import numpy as np
from attention_programs.project.stage import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        np.ones(1 << 22)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

before = faults()
assert keep_freed_memory()
faults()
print(before, faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told to keep freed memory")
def test_freed_memory_is_kept_for_the_next_array() -> None:
    ran = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True)
    extracted_again, kept = map(int, ran.stdout.split())
    assert extracted_again > 20 * 10
    assert kept < extracted_again / 5


MEMORY = "ran out of memory", "lower attention.max_tokens or corpora.limit, or name fewer attention.heads"
DISK = "can't go on", "free some space and run the same command again: finished parts are kept"


@pytest.mark.parametrize(
    ("shortage", "said"),
    [
        (MemoryError("72 GiB"), MEMORY),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), MEMORY),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "scores.parquet"), DISK),
        (RuntimeError("I/O error: No space left on device (os error 28)"), DISK),
    ],
)
def test_a_stage_without_enough_memory_or_disk_says_what_to_do(
    shortage: Exception, said: tuple[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(stage, "prepare_process", lambda _: None)

    def work(*_: Any) -> None:
        raise shortage

    with pytest.raises(SystemExit) as ended:
        run_stage("search", work)
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: stage search {said[0]}")
    assert line.endswith(said[1])


def test_other_errors_of_a_stage_keep_their_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(stage, "prepare_process", lambda _: None)

    def work(*_: Any) -> None:
        raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        run_stage("search", work)


def test_too_little_memory_is_said_beforehand() -> None:
    require_memory(1024, "a fit", "lower it")
    with pytest.raises(UserError, match=r"a fit needs \d+\.0 GiB of memory, only [\d.]+ are free; lower it"):
        require_memory(2**60, "a fit", "lower it")
