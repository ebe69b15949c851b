"""Files: complete or not at all, the same bytes each time, errors of one line."""

import errno
import json
import math
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attention_programs import files
from attention_programs.errors import UserError
from attention_programs.files import (
    free_bytes,
    read_csv,
    read_json,
    read_jsonl,
    read_text,
    read_yaml,
    replacing,
    sha256_file,
    sha256_text,
    write_csv,
    write_json,
    write_jsonl,
    write_text,
)


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Makes the system refuse to write more than ``size`` bytes to a file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def fail_half_way(path: Path) -> None:
    with replacing(path) as unfinished:
        if path.is_dir():
            unfinished.mkdir()
        write_text(unfinished / "weights" if path.is_dir() else unfinished, "half")
        raise ZeroDivisionError


def test_text_is_written_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b.txt"
    write_text(path, "é\n🎈\tx")
    assert path.read_bytes() == "é\n🎈\tx".encode()
    assert listing(path.parent) == ["b.txt"]


def test_a_failure_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    write_text(path, "old")
    with pytest.raises(ZeroDivisionError):
        fail_half_way(path)
    assert read_text(path) == "old"
    assert listing(tmp_path) == ["table.csv"]


def test_a_failure_leaves_the_old_folder(tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.mkdir()
    write_text(path / "weights", "old")
    with pytest.raises(ZeroDivisionError):
        fail_half_way(path)
    assert read_text(path / "weights") == "old"
    with replacing(path) as unfinished:
        unfinished.mkdir()
        (unfinished / "config").write_text("new", encoding="utf-8")
    assert listing(path) == ["config"]
    assert listing(tmp_path) == ["model"]


def test_a_folder_survives_when_its_successor_cannot_take_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model"
    path.mkdir()
    write_text(path / "weights", "old")
    real = os.replace

    def broken(source: Path, target: Path) -> None:
        if Path(target) == path and Path(source).name.endswith(".part"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(source))
        real(source, target)

    monkeypatch.setattr(files.os, "replace", broken)
    with pytest.raises(UserError, match="No space left"), replacing(path) as unfinished:
        unfinished.mkdir()
    assert read_text(path / "weights") == "old"
    assert listing(tmp_path) == ["model"]


def test_a_folder_is_never_overwritten_by_a_file(tmp_path: Path) -> None:
    folder = tmp_path / "reports"
    write_text(folder / "report.html", "precious")
    with pytest.raises(UserError, match="reports is a folder"):
        write_text(folder, "page")
    assert read_text(folder / "report.html") == "precious"
    assert listing(tmp_path) == ["reports"]


def test_what_a_killed_run_left_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    (tmp_path / ".x.json.part").write_text("of a killed run", encoding="utf-8")
    write_json(path, {"a": 1})
    assert listing(tmp_path) == ["x.json"]


def test_a_disk_without_space_ends_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.json"
    write_json(path, {"a": 1})

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(UserError, match=r"cannot write .*x\.json: No space left on device; free some space") as caught:
        write_json(path, {"a": 2})
    assert "\n" not in str(caught.value)
    monkeypatch.undo()
    assert read_json(path) == {"a": 1}
    assert listing(tmp_path) == ["x.json"]


def test_a_write_that_the_system_refuses_half_way_ends_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    write_text(path, "old")
    with largest_file(1000), pytest.raises(UserError, match=r"cannot write .*x\.txt"):
        write_text(path, "y" * 100_000)
    assert read_text(path) == "old"
    assert listing(tmp_path) == ["x.txt"]


def test_a_file_where_a_folder_is_needed_ends_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("", encoding="utf-8")
    with pytest.raises(UserError, match=r"cannot write .*results/smoke/x\.json"):
        write_json(tmp_path / "results/smoke/x.json", {})


def test_errors_of_other_files_are_not_blamed_on_this_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "x"):
        (tmp_path / "missing").read_text(encoding="utf-8")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_json_comes_back_rounded_whatever_the_order_of_keys(tmp_path_factory: pytest.TempPathFactory, value) -> None:  # type: ignore[no-untyped-def]
    folder = tmp_path_factory.mktemp("json")
    write_json(folder / "a.json", value)
    write_json(folder / "b.json", dict(reversed(value.items())))
    assert (folder / "a.json").read_bytes() == (folder / "b.json").read_bytes()
    assert read_json(folder / "a.json") == files.rounded(value)
    write_jsonl(folder / "a.jsonl", [value, value])
    assert read_jsonl(folder / "a.jsonl") == [files.rounded(value)] * 2


def test_negative_zero_is_written_as_zero(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"a": -0.0, "b": [-1e-9]})
    assert "-" not in read_text(tmp_path / "x.json")


def test_numbers_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "x.json", {"mean": math.nan})
    assert listing(tmp_path) == []


def test_tables_come_back_and_hold_no_negative_zero(tmp_path: Path) -> None:
    table = pd.DataFrame({"head": ["L0H0", "L0H1"], "ablation_effect": [-1e-9, 0.12345678], "count": [1, 2]})
    write_csv(tmp_path / "t.csv", table)
    assert read_text(tmp_path / "t.csv") == "head,ablation_effect,count\nL0H0,0.000000,1\nL0H1,0.123457,2\n"
    found = read_csv(tmp_path / "t.csv")
    assert found["ablation_effect"].tolist() == [0.0, 0.123457]
    assert found["count"].tolist() == [1, 2]


def test_names_such_as_none_stay_text_in_tables(tmp_path: Path) -> None:
    write_csv(tmp_path / "t.csv", pd.DataFrame({"name": ["None", "NA", "nan"], "value": [1.0, np.nan, 3.0]}))
    found = read_csv(tmp_path / "t.csv")
    assert found["name"].tolist() == ["None", "NA", "nan"]
    assert math.isnan(found["value"][1])


@pytest.mark.parametrize(
    ("read", "content", "words"),
    [
        (read_json, b'{"a": 1,\n "b": }', r"x, line 2: not valid JSON"),
        (read_jsonl, b'{"a": 1}\n\n{"a": 1', r"x, line 3: not valid JSON .*each line must be one JSON object"),
        (read_jsonl, b'{"a": 1}\n[1]\n', r"x, line 2: list instead of a JSON object"),
        (read_text, b"abc\xff", r"x is not UTF-8 text \(byte 3\); convert it first"),
        (read_csv, b"", r"x is not a CSV table"),
        (read_csv, b"a,b\n1,2\n1,2,3\n", r"x is not a CSV table.*line 3"),
    ],
)
def test_malformed_files_name_file_and_line(
    tmp_path: Path, read: Callable[[Path], object], content: bytes, words: str
) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(UserError, match=words) as caught:
        read(tmp_path / "x")
    assert "\n" not in str(caught.value)


READERS = (
    (read_text, "déjà\n", "déjà\n"),
    (read_json, '{"a": "é"}\n', {"a": "é"}),
    (read_jsonl, '{"a": "é"}\n', [{"a": "é"}]),
    (read_yaml, "a: é\n", {"a": "é"}),
    (lambda path: read_csv(path).to_dict("records"), "a,b\né,1\n", [{"a": "é", "b": 1}]),
)
"""Every reader, with what a file holds and what comes of it."""


@pytest.mark.parametrize(("read", "text", "value"), READERS)
def test_a_byte_order_mark_and_foreign_ends_of_lines_are_no_part_of_the_content(
    tmp_path: Path, read: Callable[[Path], object], text: str, value: object
) -> None:
    for ends in ("\n", "\r\n"):
        (tmp_path / "x").write_bytes(text.replace("\n", ends).encode("utf-8-sig"))
        assert read(tmp_path / "x") == value


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize(("read", "text", "value"), READERS)
def test_wide_encodings_are_named(
    tmp_path: Path, read: Callable[[Path], object], text: str, value: object, encoding: str
) -> None:
    (tmp_path / "x").write_bytes(text.encode(encoding))
    with pytest.raises(UserError, match=f"x is {encoding[:6].upper()} text; save it as UTF-8"):
        read(tmp_path / "x")


@pytest.mark.parametrize("read", [read_text, read_json, read_jsonl, read_csv, read_yaml])
def test_missing_files_and_folders_end_in_one_line(tmp_path: Path, read: Callable[[Path], object]) -> None:
    with pytest.raises(UserError, match=r"gone does not exist; check the path, or run `dvc repro`"):
        read(tmp_path / "gone")
    with pytest.raises(UserError, match=r"cannot read"):
        read(tmp_path)


def test_lines_with_line_separators_inside_strings_are_one_row(tmp_path: Path) -> None:
    row = {"text": "a\u2028b\u0085c\x0cd"}
    write_jsonl(tmp_path / "x.jsonl", [row])
    assert read_jsonl(tmp_path / "x.jsonl") == [row]
    (tmp_path / "y.jsonl").write_bytes(json.dumps(row).encode() + b"\r\n\r\n")
    assert read_jsonl(tmp_path / "y.jsonl") == [row]


def test_hashes_and_free_space(tmp_path: Path) -> None:
    write_text(tmp_path / "x", "abc")
    assert sha256_file(tmp_path / "x") == sha256_text("abc")
    assert sha256_text("abc").startswith("ba7816bf")
    assert free_bytes(tmp_path / "not" / "there" / "yet") > 0
    assert free_bytes(Path("not/there")) > 0
