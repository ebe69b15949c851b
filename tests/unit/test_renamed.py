"""Old names: read with a warning for one release, and refused where the new name is there as well."""

import warnings
from pathlib import Path
from typing import Any

import pytest

from attention_programs.cli import main
from attention_programs.config import Config, from_mapping, load_config
from attention_programs.errors import UserError
from attention_programs.files import read_csv, read_yaml
from attention_programs.renamed import COLUMNS, FILES, OPTIONS, PARAMS, current_words
from conftest import ROOT

KEYS = {
    "seeds": "seed",
    "attention.tokens": "attention.max_tokens",
    "tracking.gate.percent": "tracking.gate_percent",
    "texts.limit": "corpora.limit",
    "questions": "evaluation",
}
TABLES = {"orders.csv": "rankings.csv"}
HEADERS = {"rankings.csv": {"damage": "effect", "order": "ranking"}}
WORDS = {"orders": "rankings", "--most-cost": "--max-cost", "--by damage": "effect", "surrogate card": "info"}


@pytest.fixture
def params() -> dict[str, Any]:
    values: dict[str, Any] = read_yaml(ROOT / "params.yaml")
    return values


def test_old_keys_of_settings_are_read_with_a_warning(params: dict[str, Any]) -> None:
    today = load_config(ROOT / "params.yaml")
    params["attention"]["tokens"] = params["attention"].pop("max_tokens")
    params["questions"] = params.pop("evaluation")
    with pytest.warns(FutureWarning) as warned:
        assert from_mapping(Config, params, "params.yaml", KEYS) == today
    assert [str(each.message) for each in warned] == [
        "params.yaml: attention.tokens is now called attention.max_tokens; the old name is read for one more release",
        "params.yaml: questions is now called evaluation; the old name is read for one more release",
    ]
    assert "tokens" in params["attention"]  # what was given stays as it was


def test_a_key_under_both_names_is_refused(params: dict[str, Any]) -> None:
    params["attention"]["tokens"] = 32
    with pytest.raises(
        UserError, match=r"params\.yaml: attention\.tokens is now called attention\.max_tokens, .*; remove attention\.t"
    ):
        from_mapping(Config, params, "params.yaml", KEYS)


@pytest.mark.parametrize("group", [{"attention": [1]}, {"attention": None}, {"tracking": {"gate": 3}}])
def test_groups_that_are_none_are_refused_as_ever(params: dict[str, Any], group: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=r"params\.yaml: (attention is .*; write a group|unknown key 'tracking\.gate')"):
        from_mapping(Config, params | group, "params.yaml", KEYS)


def test_old_tables_and_columns_are_read_with_a_warning(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("head,damage\nL0H0,0.5\n", encoding="utf-8")
    with pytest.warns(FutureWarning) as warned:
        table = read_csv(tmp_path / "rankings.csv", TABLES, HEADERS)
    assert table.to_dict("records") == [{"head": "L0H0", "effect": 0.5}]
    assert [str(each.message).split(": ", 1)[1] for each in warned] == [
        "orders.csv is now called rankings.csv; the old name is read for one more release",
        "column damage is now called effect; the old name is read for one more release",
    ]


def test_a_table_or_column_under_both_names_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rankings.csv").write_text("head,damage,effect\nL0H0,0.5,0.5\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"rankings\.csv: column damage is now called effect, but both exist"):
        read_csv(tmp_path / "rankings.csv", TABLES, HEADERS)
    (tmp_path / "orders.csv").write_text("head,damage\nL0H0,0.5\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"orders\.csv is now called rankings\.csv, but both exist; remove orders"):
        read_csv(tmp_path / "rankings.csv", TABLES, HEADERS)


@pytest.mark.parametrize(
    ("old", "today", "warnings_told"),
    [
        ("orders --limit 3", "rankings --limit 3", 1),
        ("--project orders orders", "--project orders rankings", 1),
        ("show orders --most-cost=3", "show orders --max-cost=3", 1),
        ("show --most-cost 3 --by damage", "show --max-cost 3 --by effect", 2),
        ("show --by=damage", "show --by=effect", 1),
        ("surrogate card damage", "surrogate info damage", 1),
        ("surrogate info", "surrogate info", 0),
        ("", "", 0),
    ],
)
def test_old_words_of_the_command_line_are_read_with_a_warning(old: str, today: str, warnings_told: int) -> None:
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        assert current_words(old.split(), WORDS) == today.split()
    assert [each.category for each in warned] == [FutureWarning] * warnings_told


def test_an_option_under_both_names_is_refused() -> None:
    with pytest.raises(UserError, match="command line: --most-cost is now called --max-cost, but both exist"):
        current_words(["show", "--most-cost=3", "--max-cost", "4"], WORDS)


@pytest.mark.filterwarnings("default::FutureWarning")
def test_the_command_line_warns_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(OPTIONS, "words", "vocabulary")  # type: ignore[arg-type]
    monkeypatch.setitem(OPTIONS, "--word", "--term")  # type: ignore[arg-type]
    arguments = ["words", "--word", "comma", "--project", str(ROOT)]
    assert main(arguments) == 0
    assert capsys.readouterr().err == (
        "warning: command line: words is now called vocabulary; the old name is read for one more release\n"
        "warning: command line: --word is now called --term; the old name is read for one more release\n"
    )
    assert main([*arguments, "--term", "name"]) == 2
    assert "error: command line: --word is now called --term, but both exist; remove --word" in capsys.readouterr().err


def test_new_names_are_those_of_today() -> None:
    config: Any = load_config(ROOT / "params.yaml")
    for old, new in PARAMS.items():
        place = config
        for key in new.split("."):
            place = getattr(place, key)
        assert old not in PARAMS.values()
    shipped = {path.name for path in ROOT.glob("results/*/*.csv")}
    assert set(FILES.values()) <= shipped
    assert not set(FILES) & shipped
    for name, columns in COLUMNS.items():
        for path in ROOT.glob(f"results/*/{name}"):
            assert not set(columns) & set(read_csv(path, {}, {}).columns)
