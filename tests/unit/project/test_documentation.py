"""Every table of README and docs comes from a committed file, every link leads somewhere, every program is one."""

import re
from pathlib import Path

import pytest

from attention_programs.config import load_config
from attention_programs.errors import UserError
from attention_programs.files import read_csv
from attention_programs.programs.record import make_record
from attention_programs.project.documentation import BLOCKS, documentation, write_documentation
from conftest import ROOT

PAGES = ["README.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))]
TEXTS = {page: (ROOT / page).read_text(encoding="utf-8") for page in PAGES}
README = TEXTS["README.md"]
RESULTS = ROOT / "results" / "smollm2-135m"
MAX_LINES = 150


@pytest.mark.parametrize("page", sorted(BLOCKS))
def test_tables_are_those_of_the_committed_files(page: str) -> None:
    assert TEXTS[page] == documentation(ROOT)[page], "run `attention-programs summary --write`"


def test_pages_are_written_where_tables_have_changed(tmp_path: Path) -> None:
    (tmp_path / "results").symlink_to(ROOT / "results")
    for page in BLOCKS:
        (tmp_path / page).parent.mkdir(exist_ok=True)
        (tmp_path / page).write_text(TEXTS[page].replace("| mean IoU over heads |", "| old |"), encoding="utf-8")
    assert write_documentation(tmp_path) == ["README.md"]
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == README
    assert write_documentation(tmp_path) == []
    (tmp_path / "README.md").write_text(README.replace("<!-- headline: end -->", ""), encoding="utf-8")
    with pytest.raises(UserError, match="lacks the marks <!-- headline: begin -->"):
        write_documentation(tmp_path)


def test_the_first_page_can_be_read_in_a_minute() -> None:
    assert README.count("\n") <= MAX_LINES
    assert {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")} <= set(re.findall(r"\]\(([^)]+)\)", README))


def test_it_says_how_the_shipped_weights_were_stored() -> None:
    stored = load_config(ROOT / "params.yaml").model.quantization
    assert stored == "Q4_1"
    assert f"4 bits ({stored}) and are read back into single precision" in README


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files_and_headings(page: str) -> None:
    for link in re.findall(r"\]\(([^)]+)\)", TEXTS[page]):
        if "://" in link:
            continue
        path, _, heading = link.partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), link
        if heading:
            headings = re.findall(r"(?m)^#+ (.+)$", target.read_text(encoding="utf-8"))
            assert heading in [re.sub(r"[^a-z0-9 -]", "", name.lower()).replace(" ", "-") for name in headings], link


def test_the_programs_shown_are_the_selected_ones_of_their_heads() -> None:
    shown = re.findall(
        r"\*\*(L\d+H\d+)\*\*[^`]*```python\n(def program.*?)```", TEXTS["docs/concepts.md"], flags=re.DOTALL
    )
    assert len(shown) == 5
    heads = read_csv(RESULTS / "heads.csv")
    selected = heads[heads["method"] == "selected"].set_index("head")["program_id"]
    for head, source in shown:
        assert make_record(source, "docs", "search", "prefix_only", [], {}).id == selected[head], head
    first = README[README.index("def program") :].split("```")[0]
    assert dict(shown)["L16H0"] == first
