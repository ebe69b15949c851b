"""Snapshots: a changed text fails with its difference, and is written again on request only."""

from pathlib import Path

import pytest

from snapshots import compare


def test_a_text_is_held_to_its_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UPDATE_SNAPSHOTS", raising=False)
    with pytest.raises(pytest.fail.Exception, match=r"does not exist; .*UPDATE_SNAPSHOTS=1"):
        compare("help/main.txt", "one\ntwo", tmp_path)
    monkeypatch.setenv("UPDATE_SNAPSHOTS", "1")
    compare("help/main.txt", "one  \ntwo\n\n", tmp_path)
    monkeypatch.delenv("UPDATE_SNAPSHOTS")
    compare("help/main.txt", "one\ntwo", tmp_path)
    with pytest.raises(pytest.fail.Exception, match=r"(?s)does not read as before.*-two.*\+three"):
        compare("help/main.txt", "one\nthree", tmp_path)
    assert (tmp_path / "help/main.txt").read_text(encoding="utf-8") == "one\ntwo\n"
