"""Models side by side: the table from small results made by hand, and the sections that show it."""

from pathlib import Path

import pandas as pd
import pytest

from attention_programs.comparison.settings import ALL_MODELS
from attention_programs.errors import UserError
from attention_programs.files import write_csv, write_json, write_text
from attention_programs.report.models_sections import models_block, models_sections, standing
from attention_programs.report.models_table import HERE, NAME, PAPER, Models, models_table
from builders import heads_table, program_record

PROGRAM = program_record("text.first_token")
COSTS = [
    ("distilled", "fisher", 0, 0.0),
    ("distilled", "fisher", 25, 4.0),
    ("selected", "iou", 25, 9.0),
    ("selected", "fisher", 25, 7.0),
    ("first_token", "ablation_effect", 25, 40.0),
    ("uniform", "ablation_effect", 25, 90.0),
]
LOCK = "stages:\n  attention:\n    params:\n      params.yaml:\n        attention:\n          max_tokens: 64\n"


def write_results(folder: Path, iou: float, heads: tuple[str, ...] = ("L0H0", "L0H1", "L1H0", "L1H1")) -> None:
    """The tables of one profile."""
    write_csv(folder / "heads.csv", heads_table("selected", dict.fromkeys(heads, PROGRAM)))
    fits = [
        (m, c, "iou", iou, iou - 0.1, iou + 0.1) for m in ("selected", "first_token", "llm") for c in ("all", "code")
    ]
    fits.append(("selected", "all", "sink_excluded_iou", iou / 2, 0.1, 0.2))
    write_csv(folder / "iou.csv", pd.DataFrame(fits, columns=["method", "corpus", "metric", "mean", "low", "high"]))
    costs = pd.DataFrame(COSTS, columns=["programs", "ranking", "percent", "increase"]).assign(
        heads_replaced=1,
        texts=9,
        tokens=99,
        perplexity=20.0,
        low=1.0,
        high=100.0,
        above=1.0,
        above_low=0.0,
        above_high=2.0,
    )
    write_csv(folder / "perplexity.csv", costs)
    lengths = pd.DataFrame(
        {"method": "selected", "tokens": [16, 32], "texts": 9, "iou": [0.7, 0.6], "low": 0.5, "high": 0.8}
    )
    write_csv(folder / "lengths.csv", lengths.assign(sink_excluded_iou=0.3))
    behaviour = pd.DataFrame({"head": heads, "first_token": 0.25, "distance": 3.0, "entropy": 2.0})
    write_csv(folder / "behaviour.csv", behaviour)
    write_json(folder / "corpora.json", {"code": {"test": 3, "train": 1}, "stories": {"test": 4, "train": 1}})
    write_text(folder / "dvc.lock", LOCK)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    write_results(tmp_path / "one", 0.6)
    write_results(tmp_path / "two", 0.7, heads=("L0H0", "L2H1"))
    write_csv(tmp_path / NAME, models_table(tmp_path, ["one", "two"], {"one": 12_345_678}))
    return tmp_path


def test_the_table_holds_what_the_results_hold(results: Path) -> None:
    models = Models.read(results)
    assert models.names(HERE) == ["one", "two"]
    assert models.names(PAPER) == ["BERT-base", "GPT-2", "TinyLlama-1.1B", "Llama-3.2-3B"]
    expected = {
        ("heads", "", 0): 4,
        ("layers", "", 0): 2,
        ("heads_per_layer", "", 0): 2,
        ("parameters", "", 0): 12_345_678,
        ("tokens", "", 0): 64,
        ("texts", "", 0): 7,
        ("iou", "selected", 0): 0.6,
        ("sink_excluded_iou", "selected", 0): 0.3,
        ("iou_at_length", "selected", 32): 0.6,
        ("perplexity_increase", "distilled", 25): 4,
        ("perplexity_increase", "selected/iou", 25): 9,
        ("perplexity_increase", "first_token/ablation_effect", 25): 40,
        ("perplexity_increase", "uniform/ablation_effect", 25): 90,
        ("first_token_share", "", 0): 0.25,
    }
    for (measure, method, at), value in expected.items():
        assert models.estimate("one", measure, method, at).value == pytest.approx(value), measure
    assert models.estimate("one", "iou", "selected").interval() == "[0.500, 0.700]"
    assert not models.estimate("one", "iou", "llm").measured
    assert not models.estimate("one", "perplexity_increase", "selected/fisher", 25).measured
    assert models.estimate("GPT-2", "perplexity_increase", "selected/iou", 100).value == 6084


def test_a_model_of_which_some_heads_are_explained_has_no_shape(results: Path) -> None:
    models = Models.read(results)
    assert not models.estimate("two", "layers").measured
    assert models.estimate("two", "heads").value == 2


def test_a_missing_table_names_its_stage(results: Path) -> None:
    (results / "two/perplexity.csv").unlink()
    with pytest.raises(UserError, match=r"two/perplexity.csv does not exist; run `dvc repro replace`"):
        models_table(results, ["one", "two"], {})


def test_the_profiles_own_model_is_highlighted_and_its_standing_named(results: Path) -> None:
    (section,) = models_sections(results, "two")
    assert section.table is not None
    assert section.table.head[section.table.highlighted] == "two"
    assert section.finding.startswith("two ranks 1 of 2 in mean IoU, 1 of 2 in IoU without the first column, 1 of 2 in")
    assert {len(row) for row in section.table.rows} == {len(section.table.head)} == {7}
    (other,) = models_sections(results, "elsewhere")
    assert other.table is not None
    assert (other.table.highlighted, other.finding) == (0, "")
    assert standing(Models.read(results), "one").startswith("one ranks 2 of 2 in mean IoU")


def test_without_a_comparison_there_is_no_section(tmp_path: Path) -> None:
    assert models_sections(tmp_path, "one") == []
    assert models_block(tmp_path) == "No models have been compared yet; `make compare-models` does it."


def test_libraries_and_transfer_are_shown_where_they_were_computed(results: Path) -> None:
    sizes = pd.DataFrame(
        {"library": [ALL_MODELS, ALL_MODELS, "one"], "at_least": [90, 98, 90], "programs": [3, None, 2]}
    ).assign(programs_validation=3, heads=6, pool=1200, iou=0.5, low=0.4, high=0.6, iou_one_per_head=0.55)
    write_csv(results / "models/library.csv", sizes.astype({"programs": "Int64"}))
    curve = sizes.assign(heads_of=sizes["library"], percent=91.0)
    part = curve.assign(library=ALL_MODELS, heads_of="one", heads=4, percent=83.25).iloc[[0]]
    write_csv(results / "models/library_curve.csv", pd.concat([curve, part]))
    pairs = [("one", "one", 0.6, 0.0), ("one", "two", 0.5, -0.2), ("two", "one", 0.4, -0.2), ("two", "two", 0.7, 0.0)]
    transfer = pd.DataFrame(pairs, columns=["programs_of", "heads_of", "iou", "difference"]).assign(low=0.3, high=0.8)
    write_csv(results / "models/transfer.csv", transfer)
    block = models_block(results)
    assert "| all models | 6 | 1,200 | 0.550 | 3 | – |" in block
    assert "| – its heads of one | 4 |  | 0.550 | 83.2 % | – |" in block
    assert "For all 6 heads of all models, 3 programs reach 90 % of the IoU of one program per head" in block
    assert "| programs of one | 0.600 [0.300, 0.800] | 0.500 [0.300, 0.800] |" in block
    assert "| First token | 0.600 [0.500, 0.700] | 0.700 [0.600, 0.800] |" in block
    assert "differs from that with its own by -0.200 to -0.200." in block
    assert "24 %" in block
    assert [section.name for section in models_sections(results)] == ["models", "library", "model-transfer"]
