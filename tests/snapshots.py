"""Texts that users and language models read, held to the copies in ``tests/data/snapshots``.

A text that was meant to change is written again with ``UPDATE_SNAPSHOTS=1 pytest tests/...``; its difference is then
part of the commit, where a reader sees what the new words are.
"""

import difflib
import os
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "data" / "snapshots"


def compare(name: str, text: str, folder: Path = FOLDER) -> None:
    """Fails with the difference if ``text`` is not what the file ``name`` holds.

    With ``UPDATE_SNAPSHOTS=1`` in the environment the file is written instead.
    """
    path = folder / name
    text = "\n".join(line.rstrip() for line in text.strip().splitlines()) + "\n"  # as editors leave files
    if os.environ.get("UPDATE_SNAPSHOTS") == "1":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return
    remedy = "if it should, run the test again with UPDATE_SNAPSHOTS=1 and read the difference before you commit it"
    if not path.is_file():
        pytest.fail(f"{path} does not exist; {remedy}")
    kept = path.read_text(encoding="utf-8")
    if kept != text:
        changed = difflib.unified_diff(kept.splitlines(), text.splitlines(), str(path), "now", lineterm="")
        pytest.fail("\n".join([f"{name} does not read as before; {remedy}", *changed]), pytrace=False)
