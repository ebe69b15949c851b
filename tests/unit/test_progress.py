"""Progress in a log file: plain lines, few of them."""

import pytest
import tqdm

from attention_programs.progress import progress, progress_bar


def test_a_log_file_gets_a_line_every_ten_seconds(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(tqdm.tqdm, "monitor_interval", 0)
    bar = progress_bar(24, "asking", "calls")
    bar._time = lambda: now
    bar.start_t = bar.last_print_t = now
    with bar:
        for _ in range(24):
            now += 1
            bar.set_postfix_str("cost 0.1", refresh=False)
            bar.update()
    lines = capsys.readouterr().err.replace("\r", "").split("\n")
    assert [line.split(", ")[0].strip() for line in lines if line.strip()] == [
        "asking: 0 of 24 calls",
        "asking: 10 of 24 calls",
        "asking: 20 of 24 calls",
        "asking: 24 of 24 calls",
    ]
    assert lines[1].strip() == "asking: 10 of 24 calls, 00:10 so far, 00:14 left, cost 0.1"


def test_items_pass_through(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress(iter("ab"), "reading", total=2, unit="texts")) == ["a", "b"]
    assert "\x1b" not in capsys.readouterr().err
