"""A crate that was changed in any way is refused by name."""

import json
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest

from attention_programs.crate import archive
from attention_programs.crate.archive import read_crate
from attention_programs.crate.metadata import METADATA
from attention_programs.errors import UserError

FILES = {"surrogate.json": b"{}", "programs/a.py": b"def program(text): ..."}


def write(path: Path, files: dict[str, bytes], described: dict[str, bytes] = FILES) -> Path:
    graph = [{"@id": name, "sha256": sha256(content).hexdigest()} for name, content in described.items()]
    with zipfile.ZipFile(path, "w") as out:
        for name, content in {METADATA: json.dumps({"@graph": graph}).encode(), **files}.items():
            out.writestr(name, content)
    return path


def test_a_whole_crate_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "crate.zip", FILES)
    crate = read_crate(path)
    assert {name: crate.files[name] for name in FILES} == FILES
    assert crate.sha256 == sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({**FILES, "surrogate.json": b"[]"}, f"surrogate.json is not as {METADATA} describes it"),
        ({**FILES, "more.py": b""}, f"more.py is not as {METADATA} describes it"),
        ({"surrogate.json": b"{}"}, r"lacks programs/a\.py"),
        ({**FILES, "../outside.py": b""}, r"names a file outside itself: '\.\./outside\.py'"),
        ({**FILES, "/outside.py": b""}, "names a file outside itself"),
        ({**FILES, METADATA: b"{}"}, f"has no {METADATA} that can be read"),
    ],
)
def test_a_changed_crate_is_refused(tmp_path: Path, files: dict[str, bytes], message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_crate(write(tmp_path / "crate.zip", files))


def test_what_is_no_crate_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"does not exist; give the zip file that `export` wrote"):
        read_crate(tmp_path / "none.zip")
    path = write(tmp_path / "crate.zip", FILES)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(UserError, match="not a whole zip file"):
        read_crate(path)


def test_a_crate_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "LARGEST", 10)
    with pytest.raises(UserError, match="when unpacked"):
        read_crate(write(tmp_path / "crate.zip", FILES))
