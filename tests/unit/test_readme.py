"""Every figure of the README comes from a committed file."""

import re

import pytest

from attention_programs.files import read_json
from attention_programs.programs.table import make_record
from attention_programs.report.markdown import BEGIN, END, numbers
from conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
RESULTS = ROOT / "results" / "smollm2-135m"


def test_numbers_are_those_of_the_committed_summary() -> None:
    block = README[README.index(BEGIN) : README.index(END) + len(END)]
    assert block == numbers(read_json(RESULTS / "summary.json")), "paste `attention-programs summary --markdown`"


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#:]+)\)", README))
def test_links_lead_to_files(link: str) -> None:
    assert (ROOT / link).is_file()


def test_the_program_shown_is_one_that_was_selected() -> None:
    source = next(
        block for block in re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL) if "def program" in block
    )
    record = make_record(source, "README", "search", "verified", [], {})
    heads = (RESULTS / "heads.csv").read_text(encoding="utf-8")
    assert record.id in heads
