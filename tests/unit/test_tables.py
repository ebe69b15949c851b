"""Tables: one line per row in a pipe, wrapped in a terminal, and nothing in them is markup."""

import sys

import pytest

from attention_programs.tables import table

ROWS = [("L0H0", "0.5", "attends to [bold]brackets[/bold] " + "and so on " * 20), ("L10H3", "0.25", ":smile:")]


def test_in_a_pipe_every_row_is_one_line() -> None:
    lines = table(["head", "IoU", "program"], ROWS, numbers=["IoU"]).splitlines()
    assert lines[0] == "head    IoU  program"
    assert lines[1] == f"L0H0    0.5  {ROWS[0][2].strip()}"
    assert lines[2] == "L10H3  0.25  :smile:"
    assert len(table(["", "", ""], ROWS).splitlines()) == len(ROWS)


def test_in_a_terminal_the_last_column_is_wrapped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "60")
    lines = table(["head", "IoU", "program"], ROWS).splitlines()
    assert max(map(len, lines)) <= 60
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == ["head", "L0H0", "L10H3"]
    assert len(lines) > len(ROWS) + 1
