"""Processes that can be killed, and what an undisturbed run leaves."""

import importlib
import multiprocessing
import os
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attention_programs.project import stage as stages
from conftest import ROOT
from tiny_project import STAGES, made, make_copy, run_stage

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tiny_project"])


@dataclass(frozen=True)
class Ended:
    """How a process ended."""

    code: int
    seconds: float


def in_process(act: Callable[..., None], *arguments: Any, seconds: float | None = None) -> Ended:
    """Runs a function in a process of its own, which is killed after some seconds."""
    process = CONTEXT.Process(target=act, args=arguments)
    start = time.monotonic()
    process.start()
    process.join(seconds)
    process.kill()
    process.join()
    assert process.exitcode is not None
    return Ended(process.exitcode, time.monotonic() - start)


@dataclass(frozen=True)
class Undisturbed:
    """A project before each of its stages."""

    states: dict[str, Path]
    """A copy of the project before a stage; under ``""`` after all of them."""
    files: dict[str, dict[str, bytes]]
    """What was there after each stage."""
    seconds: dict[str, float]
    """How long each took."""


def exit_code(root: Path, stage: str, said: Path) -> int:
    """The exit code of a stage as DVC starts it, and in a file what it says. Changes this process for good."""
    sys.path.insert(0, str(ROOT))
    os.chdir(root)
    errors = os.dup(2)
    os.dup2(os.open(said, os.O_WRONLY | os.O_CREAT), 2)
    try:
        stages.run_stage(stage, importlib.import_module(f"pipelines.{stage}").main)
    except SystemExit as ended:
        return int(str(ended.code))
    finally:
        sys.stderr.flush()
        os.dup2(errors, 2)
    return 0


def run_undisturbed(folder: Path) -> Undisturbed:
    """Runs every stage, and keeps what was there before and after each."""
    root = make_copy(folder / "repository")
    found = Undisturbed({}, {}, {})
    for stage in STAGES:
        found.states[stage] = shutil.copytree(root, folder / stage, symlinks=True)
        ended = in_process(run_stage, root, stage)
        assert ended.code == 0
        found.files[stage], found.seconds[stage] = made(root), ended.seconds
    found.states[""] = root
    return found
