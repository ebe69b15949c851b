"""The program table: ids are checked, altered rows refused, equal programs joined, shipped files trusted by content."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from attention_programs.errors import UserError
from attention_programs.files import read_jsonl, write_jsonl
from attention_programs.programs.record import (
    ProgramRecord,
    make_record,
    merge,
    read_programs,
    write_programs,
)
from attention_programs.programs.run_result import Scored
from attention_programs.programs.runtime import run
from attention_programs.programs.source import parse_source
from cases import TEXT, program, view_of

VOCABULARY = program("text.softmax(2.0 * text.first_token)", "Attends to the first token.")
FREE = program("np.eye(text.n)", "Attends to itself.")


def record(source: str = VOCABULARY, name: str = "one", author: Any = "search", **more: Any) -> ProgramRecord:
    made = make_record(source, name, author, "prefix_only", ["L0H1"], {"author": author, "iou": 0.5})
    return dataclasses.replace(made, **more)


def test_make_record_reads_the_source() -> None:
    found = record("\n\n" + VOCABULARY + "\n\n")
    parsed = parse_source(VOCABULARY, "place")
    assert found.id == parsed.program_id
    assert found.source == VOCABULARY
    assert (found.description, found.terms, found.nodes) == ("Attends to the first token.", 1, parsed.nodes)


@pytest.mark.parametrize("docstring", ["", "    '''   '''\n"])
def test_a_program_without_docstring_is_refused(docstring: str) -> None:
    source = f"def program(text):\n{docstring}    return text.uniform\n"
    with pytest.raises(UserError, match="program 'one' has no docstring"):
        record(source)


def test_tables_are_read_as_they_were_written(tmp_path: Path) -> None:
    records = [record(), record(FREE, "two", "curated", provenance={}, prefix_test="looks_ahead", intended_heads=[])]
    path = tmp_path / "programs.jsonl"
    write_programs(path, records)
    assert read_programs(path) == records
    first = path.read_bytes()
    write_programs(path, read_programs(path))
    assert path.read_bytes() == first


def write_altered(path: Path, alter: Callable[[dict[str, Any]], object]) -> None:
    rows = [dataclasses.asdict(record()), dataclasses.asdict(record(FREE, "two"))]
    alter(rows[1])
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.mark.parametrize(
    ("alter", "words"),
    [
        (lambda row: row.update(source=row["source"].replace("itself", "others")), "does not hash to its id"),
        (lambda row: row.update(source=row["source"].replace("np.eye", "np.tri")), "does not hash to its id"),
        (lambda row: row.update(source=VOCABULARY), "does not hash to its id"),
        (lambda row: row.update(id="0" * 64), "does not hash to its id"),
        (lambda row: row.update(source="def program(text) return 1"), "not valid Python"),
        (lambda row: row.update(source="import os\n" + row["source"]), "only 'program' may stand here"),
        (lambda row: row.update(more=1), "not a program record.*'more'"),
        (lambda row: row.pop("source"), "not a program record.*'source'"),
        (lambda row: row.update(source=5), "source is 5; it must be a str"),
        (lambda row: row.update(name=None), "name is None; it must be a str"),
        (lambda row: row.update(terms="many"), "terms is 'many'; it must be a int"),
        (lambda row: row.update(intended_heads="L0H1"), "intended_heads is 'L0H1'; it must be a list"),
        (lambda row: row.update(provenance=[]), "provenance is .*; it must be a dict"),
        (lambda row: row.update(author="somebody"), "author is 'somebody'; it must be one of search, curated"),
        (
            lambda row: row.update(prefix_test="Verified"),
            "prefix_test is 'Verified'; it must be one of prefix_only, looks_ahead",
        ),
    ],
)
def test_altered_rows_are_refused(tmp_path: Path, alter: Callable[[dict[str, Any]], object], words: str) -> None:
    path = tmp_path / "programs.jsonl"
    write_altered(path, lambda row: None)
    assert len(read_programs(path)) == 2
    write_altered(path, alter)
    with pytest.raises(UserError, match=rf"programs\.jsonl, row 2.*{words}") as caught:
        read_programs(path)
    assert "\n" not in str(caught.value)


def test_layout_of_a_source_is_no_alteration(tmp_path: Path) -> None:
    path = tmp_path / "programs.jsonl"
    write_altered(path, lambda row: row.update(source=row["source"] + "\n# a comment\n"))
    assert len(read_programs(path)) == 2


def test_merge_joins_the_intended_heads_of_equal_programs() -> None:
    records = [
        record(name="a", intended_heads=["L0H1"]),
        record(FREE, "b", intended_heads=["L0H2"]),
        record(name="c", intended_heads=["L1H0", "L0H1"]),
        record(VOCABULARY + "# the same\n", "d", intended_heads=["L2H0"]),
    ]
    merged = merge(records)
    assert [(r.name, r.intended_heads) for r in merged] == [("a", ["L0H1", "L1H0", "L2H0"]), ("b", ["L0H2"])]
    assert records[0].intended_heads == ["L0H1"]
    assert merge(merged) == merged
    assert merge([]) == []


@pytest.mark.parametrize("author", ["search", "curated", "baseline"])
@pytest.mark.parametrize("file", ["library/curated/free.py", "", 5, None])
def test_neither_a_path_nor_an_author_makes_free_python_trusted(author: Any, file: Any) -> None:
    claimed = make_record(FREE, "free", author, "prefix_only", [], {"file": file})
    assert not claimed.trusted
    with pytest.raises(UserError, match="free Python"):
        claimed.compiled()


def test_programs_of_the_vocabulary_run_wherever_they_come_from() -> None:
    for author in ("search", "baseline"):
        assert isinstance(run(record(author=author, provenance={}).compiled(), view_of(TEXT)), Scored)


def test_a_record_of_the_last_release_is_read_with_a_warning(tmp_path: Path) -> None:
    write_programs(tmp_path / "now.jsonl", [record()])
    (row,) = read_jsonl(tmp_path / "now.jsonl")
    former = row | {"causal": row["prefix_test"], "form": row["format"]}
    del former["prefix_test"], former["format"]
    write_jsonl(tmp_path / "former.jsonl", [former])
    with pytest.warns(FutureWarning) as warned:
        assert read_programs(tmp_path / "former.jsonl") == [record()]
    assert [str(each.message).split("; ")[0] for each in warned] == [
        f"{tmp_path / 'former.jsonl'}: causal is now called prefix_test",
        f"{tmp_path / 'former.jsonl'}: form is now called format",
    ]
    write_jsonl(tmp_path / "both.jsonl", [former | {"format": "view"}])
    with pytest.warns(FutureWarning), pytest.raises(UserError, match="form is now called format, but both exist"):
        read_programs(tmp_path / "both.jsonl")
