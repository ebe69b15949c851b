"""Every number of every committed summary can be traced to a table that gives it."""

import pytest

from attention_programs.files import read_json
from attention_programs.provenance.numbers import table_of
from conftest import ROOT

SUMMARIES = sorted((ROOT / "results").glob("*/summary.json"))


@pytest.mark.parametrize("summary", SUMMARIES, ids=lambda path: path.parent.name)
def test_every_number_has_a_table(summary) -> None:
    tables = {table_of(key) for key in read_json(summary)}
    assert tables
    for table in tables:
        assert (summary.parent / table).is_file()
