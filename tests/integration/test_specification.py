"""The surrogate as a file: written, read, loaded into the right weights only."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attention_programs.config import ModelSettings
from attention_programs.errors import UserError
from attention_programs.files import read_json, write_json
from attention_programs.heads import Head
from attention_programs.models.fetching import fetch_model
from attention_programs.programs.table import make_record
from attention_programs.surrogate import identity
from attention_programs.surrogate.intervention import PatchedModel
from attention_programs.surrogate.perplexity import text_losses
from attention_programs.surrogate.specification import (
    SurrogateSpecification,
    load_surrogate,
    read_specification,
    write_specification,
)
from cases import program
from conftest import SENTENCES, tiny_model

FIRST = make_record(program("text.first_token"), "first", "search", "verified", ["L0H1"], {"seed": 0})
MIXED = make_record(program("text.uniform + 2 * text.self_token"), "mixed", "search", "verified", [], {})


@pytest.fixture(scope="module", params=["llama", "bert"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    loaded, folder = tiny_model(request.param), tmp_path_factory.mktemp("model")
    loaded.model.save_pretrained(folder / "original")
    loaded.tokenizer.save_pretrained(folder / "original")
    fetch_model(ModelSettings(loaded.record.name, "folder", str(folder / "original")), folder / "model")
    return folder / "model"


@pytest.fixture
def wanted(model: Path) -> SurrogateSpecification:
    record = read_json(model / "model.json")
    return SurrogateSpecification(
        profile="tiny",
        model=record["name"],
        weights_sha256=record["weights_sha256"],
        causal=record["causal"],
        order="damage",
        percent=25,
        max_tokens=24,
        heads={"L0H1": FIRST.id, "L2H3": MIXED.id, "L2H0": FIRST.id},
        programs={FIRST.id: FIRST, MIXED.id: MIXED},
    )


def test_a_surrogate_comes_back_and_is_the_patched_model(
    model: Path, wanted: SurrogateSpecification, tmp_path: Path
) -> None:
    path = tmp_path / "surrogate.json"
    write_specification(path, wanted)
    assert read_specification(path) == wanted
    assert wanted.assignment == {Head(0, 1): FIRST, Head(2, 3): MIXED, Head(2, 0): FIRST}
    family = wanted.model.removeprefix("tiny-")
    with load_surrogate(path, model, [SENTENCES[0]]) as surrogate:
        assert surrogate.specification == wanted
        ours = text_losses(surrogate, SENTENCES, 24)
    with PatchedModel(tiny_model(family), wanted.assignment) as direct:
        theirs = text_losses(direct, SENTENCES, 24)
    for one, other in zip(ours, theirs, strict=True):
        assert one.tokens == other.tokens
        assert one.loss_sum == pytest.approx(other.loss_sum, abs=1e-4)
    intact = text_losses(tiny_model(family), SENTENCES, 24)
    assert ours[0].loss_sum != pytest.approx(intact[0].loss_sum, abs=1e-3)


def test_equal_specifications_give_equal_bytes(wanted: SurrogateSpecification, tmp_path: Path) -> None:
    write_specification(tmp_path / "a.json", wanted)
    backwards = replace(
        wanted, heads=dict(reversed(wanted.heads.items())), programs=dict(reversed(wanted.programs.items()))
    )
    write_specification(tmp_path / "b.json", backwards)
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_other_weights_are_refused(model: Path, wanted: SurrogateSpecification, tmp_path: Path) -> None:
    write_specification(tmp_path / "s.json", replace(wanted, weights_sha256="0" * 64))
    with pytest.raises(UserError, match="the surrogate needs 0000000000"):
        load_surrogate(tmp_path / "s.json", model)


def test_the_identity_test_runs_again(
    model: Path, wanted: SurrogateSpecification, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_specification(tmp_path / "s.json", wanted)
    monkeypatch.setattr(identity, "unpack", lambda cells, n, _causal: np.ones((len(cells), n, n)) / n)
    with pytest.raises(UserError, match="by their own maps changes a logit"):
        load_surrogate(tmp_path / "s.json", model)


def test_heads_that_the_model_lacks_are_refused(model: Path, wanted: SurrogateSpecification, tmp_path: Path) -> None:
    write_specification(tmp_path / "s.json", replace(wanted, heads={"L9H0": FIRST.id}))
    with pytest.raises(UserError, match="head L9H0 does not exist"):
        load_surrogate(tmp_path / "s.json", model)


def test_a_surrogate_without_a_replaced_head_is_the_intact_model(
    model: Path, wanted: SurrogateSpecification, tmp_path: Path
) -> None:
    write_specification(tmp_path / "s.json", replace(wanted, heads={}, programs={}, percent=0))
    with load_surrogate(tmp_path / "s.json", model) as surrogate:
        found = text_losses(surrogate, SENTENCES[:1], 24)
    intact = text_losses(tiny_model(wanted.model.removeprefix("tiny-")), SENTENCES[:1], 24)
    assert found[0].loss_sum == pytest.approx(intact[0].loss_sum, abs=1e-4)


def damaged(wanted: SurrogateSpecification, **changes: Any) -> dict[str, Any]:
    return asdict(wanted) | changes


def test_damaged_files_are_refused(wanted: SurrogateSpecification, tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    with pytest.raises(UserError, match="does not exist"):
        read_specification(path)
    other_source = {FIRST.id: asdict(FIRST) | {"source": MIXED.source}}
    for content, words in [
        ([1], "is no surrogate of schema 2; run `dvc repro replace`"),
        (damaged(wanted, schema_version=1), "is no surrogate of schema 2"),
        (damaged(wanted, colour="red"), "is no surrogate: .*colour"),
        (damaged(wanted, programs={FIRST.id: {"id": "x"}}), "is no surrogate"),
        (damaged(wanted, programs=[FIRST.id]), "is no surrogate"),
        (damaged(wanted, programs={FIRST.id: asdict(FIRST)}), "the program of head L2H3 is missing"),
        (damaged(wanted, heads={"L0H1": FIRST.id}, programs=other_source), "'first' does not hash to its id"),
        (damaged(wanted, heads={}, programs={"x": asdict(FIRST)}), "'first' does not hash to its id"),
    ]:
        write_json(path, content)
        with pytest.raises(UserError, match=words) as caught:
            read_specification(path)
        assert "\n" not in str(caught.value)
