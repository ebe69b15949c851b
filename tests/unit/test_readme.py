"""Every figure of the README comes from a committed file."""

import re

import pytest

from attention_programs.config import load_config
from attention_programs.files import read_csv, read_json
from attention_programs.programs.table import make_record
from attention_programs.report import speed, targets
from attention_programs.report.markdown import BEGIN, END, SOURCES_BEGIN, SOURCES_END, numbers, sources_block
from conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
RESULTS = ROOT / "results" / "smollm2-135m"


def test_numbers_are_those_of_the_committed_summary() -> None:
    block = README[README.index(BEGIN) : README.index(END) + len(END)]
    assert block == numbers(read_json(RESULTS / "summary.json")), "paste `attention-programs summary --markdown`"


def test_sources_are_those_of_the_committed_tables() -> None:
    block = README[README.index(SOURCES_BEGIN) : README.index(SOURCES_END) + len(SOURCES_END)]
    assert block == sources_block(RESULTS), "paste `attention-programs summary --markdown`"


def test_targets_are_beside_the_committed_summaries() -> None:
    block = README[README.index(targets.BEGIN) : README.index(targets.END) + len(targets.END)]
    summaries = targets.kept_summaries(ROOT / "results")
    assert summaries
    assert block == targets.targets_table(summaries), "paste `attention-programs summary --markdown`"


def test_speed_is_that_of_the_committed_measurement() -> None:
    block = README[README.index(speed.BEGIN) : README.index(speed.END) + len(speed.END)]
    assert block == speed.speed_table(read_json(ROOT / "results" / "bench.json")), (
        "paste `attention-programs summary --markdown`"
    )


def test_it_says_how_the_shipped_weights_were_stored() -> None:
    stored = load_config(ROOT / "params.yaml").model.quantization
    assert stored == "Q4_1"
    assert f"4 bits ({stored}) and are read back into single precision" in README


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#:]+)\)", README))
def test_links_lead_to_files(link: str) -> None:
    assert (ROOT / link).is_file()


def test_the_programs_shown_are_the_selected_ones_of_their_heads() -> None:
    shown = re.findall(r"\*\*(L\d+H\d+)\*\*[^`]*```python\n(def program.*?)```", README, flags=re.DOTALL)
    assert len(shown) == 5
    heads = read_csv(RESULTS / "heads.csv")
    selected = heads[heads["method"] == "selected"].set_index("head")["program_id"]
    for head, source in shown:
        assert make_record(source, "README", "search", "verified", [], {}).id == selected[head], head
