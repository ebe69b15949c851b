"""The help of every command, word for word.

After a change on purpose run ``UPDATE_SNAPSHOTS=1 pytest tests/unit/cli/test_cli_help.py`` and read the difference.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer.main

from attention_programs import __version__, cli
from attention_programs.cli.app import app
from conftest import ROOT

SNAPSHOT = ROOT / "tests/data/snapshots/help.txt"
WIDTH = "80"
NO_PROJECT = ("export", "init", "surrogate")


def commands(group: Any, *before: str) -> Iterator[tuple[str, ...]]:
    """All commands and groups of commands, each as one types it."""
    yield before
    for name, command in getattr(group, "commands", {}).items():
        yield from commands(command, *before, name)


COMMANDS = list(commands(typer.main.get_command(app)))


@pytest.fixture(autouse=True)
def fixed_width(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COLUMNS", "TERMINAL_WIDTH"):
        monkeypatch.setenv(name, WIDTH)


def help_of(command: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> str:
    assert cli.main([*command, "--help"]) == 0
    return capsys.readouterr().out


def test_help_is_what_was_agreed(capsys: pytest.CaptureFixture[str]) -> None:
    shown = "\n".join(f"$ attention-programs {' '.join([*c, '--help'])}\n{help_of(c, capsys)}" for c in COMMANDS)
    if os.environ.get("UPDATE_SNAPSHOTS"):
        SNAPSHOT.parent.mkdir(exist_ok=True)
        SNAPSHOT.write_text(shown, encoding="utf-8")
    assert shown == SNAPSHOT.read_text(encoding="utf-8")


@pytest.mark.parametrize("command", COMMANDS[1:], ids=" ".join)
def test_every_command_has_an_example_and_takes_a_project(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    text = help_of(command, capsys)
    assert f"  examples:\n    attention-programs {' '.join(command)}" in text
    assert ("--project DIR" in text) == (command[0] not in NO_PROJECT or len(command) > 1)
    assert "\x1b" not in text


def test_the_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"{__version__}\n"


def test_help_waits_for_no_library() -> None:
    code = "import sys; from attention_programs.cli import main; main(['--help']); print(*sys.modules, sep='\\n')"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"numpy", "pandas", "ruamel.yaml", "torch", "mlflow", "rich"} & set(ran.stdout.splitlines())
