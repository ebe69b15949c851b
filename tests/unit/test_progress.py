"""Progress: plain lines in a log file, few of them; a bar in a terminal."""

import sys

import pytest

from attention_programs.progress import ProgressBar, progress


def ask(calls: int) -> None:
    """Advances a bar once per second of a clock that the test holds."""
    now = 100.0
    with ProgressBar(calls, "asking", "calls", lambda: now) as bar:
        for _ in range(calls):
            now += 1
            bar.advance("cost [0.1]")


def test_a_log_file_gets_a_line_every_ten_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    ask(24)
    assert capsys.readouterr().err.splitlines() == [
        "asking: 0 of 24 calls, 00:00 so far",
        "asking: 10 of 24 calls, 00:10 so far, 00:14 left, cost [0.1]",
        "asking: 20 of 24 calls, 00:20 so far, 00:04 left, cost [0.1]",
        "asking: 24 of 24 calls, 00:24 so far, 00:00 left, cost [0.1]",
    ]


def test_a_terminal_gets_a_bar(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm")
    ask(24)
    shown = capsys.readouterr().err
    assert "24/24" in shown
    assert "calls, cost [0.1]" in shown
    assert "\u2501" in shown


def test_an_error_leaves_the_last_state(capsys: pytest.CaptureFixture[str]) -> None:
    read = progress((1 // (2 - number) for number in range(4)), "reading", total=4, unit="texts")
    with pytest.raises(ZeroDivisionError):
        list(read)
    assert capsys.readouterr().err.splitlines()[-1].startswith("reading: 2 of 4 texts")


def test_no_work_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress([], "reading", unit="texts")) == []
    assert capsys.readouterr().err == ""


def test_items_pass_through(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress(iter("ab"), "reading", total=2, unit="texts")) == ["a", "b"]
    assert "\x1b" not in capsys.readouterr().err
