"""The surrogate as a file: written, read, loaded into the right weights only."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attention_programs.attention.pattern_store import TextAttention
from attention_programs.config import ModelSettings
from attention_programs.errors import UserError
from attention_programs.files import read_json, write_json
from attention_programs.models.fetching import fetch_model
from attention_programs.models.head import Head
from attention_programs.programs.methods import DISTILLED
from attention_programs.renamed import VALUES
from attention_programs.surrogate.intervention import PatchedModel, pattern_cache
from attention_programs.surrogate.loss_meter import LossMeter
from attention_programs.surrogate.losses import text_losses
from attention_programs.surrogate.recorded_losses import measure_again, record_losses
from attention_programs.surrogate.replacement import Curve, measure_curves
from attention_programs.surrogate.specification import (
    RecordedLosses,
    SurrogateSpecification,
    read_specification,
    write_specification,
)
from attention_programs.surrogate.surrogate import load_surrogate
from attention_programs.surrogate.windows import cut
from builders import program_record, texts_from
from conftest import SENTENCES, tiny_model

FIRST = program_record("text.first_token", "first", heads=["L0H1"], provenance={"seed": 0})
MIXED = program_record("text.uniform + 2 * text.self_token", "mixed")


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
        ranking="ablation_effect",
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
    with load_surrogate(path, model) as surrogate:
        assert surrogate.specification == wanted
        ours = text_losses(surrogate, SENTENCES, 24)
    with PatchedModel(tiny_model(family), wanted.assignment) as direct:
        theirs = text_losses(direct, SENTENCES, 24)
    for one, other in zip(ours, theirs, strict=True):
        assert one.tokens == other.tokens
        assert one.loss_sum == pytest.approx(other.loss_sum, abs=1e-4)
    original = text_losses(tiny_model(family), SENTENCES, 24)
    assert ours[0].loss_sum != pytest.approx(original[0].loss_sum, abs=1e-3)


def test_equal_specifications_give_equal_bytes(wanted: SurrogateSpecification, tmp_path: Path) -> None:
    write_specification(tmp_path / "a.json", wanted)
    backwards = replace(
        wanted, heads=dict(reversed(wanted.heads.items())), programs=dict(reversed(wanted.programs.items()))
    )
    write_specification(tmp_path / "b.json", backwards)
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_a_surrogate_of_the_last_release_is_read(wanted: SurrogateSpecification, tmp_path: Path) -> None:
    former = {new: old for old, new in VALUES.items()}
    write_specification(tmp_path / "s.json", wanted)
    values = {former.get(key, key): value for key, value in read_json(tmp_path / "s.json").items()}
    assert "ranking" not in values
    values |= {key: former[value] for key, value in values.items() if isinstance(value, str) and value in former}
    for row in values["programs"].values():
        row["prefix_test"] = former[row["prefix_test"]]
    write_json(tmp_path / "s.json", values)
    assert read_specification(tmp_path / "s.json") == wanted


def test_other_weights_are_refused(model: Path, wanted: SurrogateSpecification, tmp_path: Path) -> None:
    write_specification(tmp_path / "s.json", replace(wanted, weights_sha256="0" * 64))
    with pytest.raises(UserError, match="the surrogate needs 0000000000"):
        load_surrogate(tmp_path / "s.json", model)


def test_the_identity_test_runs_again(
    model: Path, wanted: SurrogateSpecification, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_specification(tmp_path / "s.json", wanted)
    even = property(lambda text: np.full((len(text.entries), len(text.ids), len(text.ids)), 1 / len(text.ids)))
    monkeypatch.setattr(TextAttention, "patterns", even)
    with pytest.raises(UserError, match="by their own patterns changes a logit"):
        load_surrogate(tmp_path / "s.json", model)


def test_heads_that_the_model_lacks_are_refused(model: Path, wanted: SurrogateSpecification, tmp_path: Path) -> None:
    write_specification(tmp_path / "s.json", replace(wanted, heads={"L9H0": FIRST.id}))
    with pytest.raises(UserError, match="head L9H0 does not exist"):
        load_surrogate(tmp_path / "s.json", model)


def test_a_surrogate_without_a_replaced_head_is_the_original_model(
    model: Path, wanted: SurrogateSpecification, tmp_path: Path
) -> None:
    write_specification(tmp_path / "s.json", replace(wanted, heads={}, programs={}, percent=0))
    with load_surrogate(tmp_path / "s.json", model) as surrogate:
        found = text_losses(surrogate, SENTENCES[:1], 24)
    original = text_losses(tiny_model(wanted.model.removeprefix("tiny-")), SENTENCES[:1], 24)
    assert found[0].loss_sum == pytest.approx(original[0].loss_sum, abs=1e-4)


@pytest.fixture
def measured(wanted: SurrogateSpecification) -> SurrogateSpecification:
    """The surrogate with the losses of some test texts, two windows a text, measured in batches as the stage does."""
    loaded = tiny_model(wanted.model.removeprefix("tiny-"))
    texts = texts_from(["T", *SENTENCES * 3])
    windows = cut(loaded, texts, 12, 2)
    curve = Curve(DISTILLED, "ablation_effect", {0: {}, 25: wanted.assignment})
    found = measure_curves(LossMeter(loaded, windows, 8, pattern_cache(loaded)), [curve])
    return replace(wanted, recorded=record_losses(texts, windows, found, 25, "float32"))


def test_a_loaded_surrogate_measures_its_recorded_losses_again(
    model: Path, measured: SurrogateSpecification, tmp_path: Path
) -> None:
    write_specification(tmp_path / "s.json", measured)
    read = read_specification(tmp_path / "s.json").recorded
    assert 2 <= len(read.texts) <= 4
    if measured.causal:  # as the number was measured: in all windows of a text, not in its first
        assert max(len(text.windows) for text in read.texts) == 2
    assert all(text.tokens == sum(len(ids) - measured.causal for ids in text.windows) for text in read.texts)
    with load_surrogate(tmp_path / "s.json", model, verify=True) as surrogate:
        again = measure_again(surrogate, read)
        assert "test texts measured again: perplexity rises by" in again.summary()
        assert max(text.difference() for text in again.texts) < 1e-4
        assert text_losses(surrogate, SENTENCES[:1], 24) != text_losses(tiny_model("llama"), SENTENCES[:1], 24)


@pytest.mark.parametrize("model", ["llama"], indirect=True)
@pytest.mark.parametrize("loss", ["original", "replaced"])
def test_a_loss_that_is_not_the_recorded_one_is_named(
    model: Path, measured: SurrogateSpecification, tmp_path: Path, loss: str
) -> None:
    *others, last = measured.recorded.texts
    wrong = replace(last, **{loss: getattr(last, loss) + 0.002 * last.tokens})
    write_specification(tmp_path / "s.json", replace(measured, recorded=RecordedLosses("float32", (*others, wrong))))
    load_surrogate(tmp_path / "s.json", model).restore()
    with pytest.raises(UserError, match=rf"recorded text {last.key} \(stories\): .* further away than 0.001 nats"):
        load_surrogate(tmp_path / "s.json", model, verify=True)


@pytest.mark.parametrize("model", ["llama"], indirect=True)
def test_a_file_without_recorded_losses_is_read_and_says_so(
    model: Path, wanted: SurrogateSpecification, tmp_path: Path
) -> None:
    old = asdict(wanted)
    del old["recorded"]
    write_json(tmp_path / "s.json", old)
    assert read_specification(tmp_path / "s.json") == wanted
    with pytest.raises(UserError, match="no recorded texts to measure again; run `dvc repro replace`"):
        load_surrogate(tmp_path / "s.json", model, verify=True)


def damaged(wanted: SurrogateSpecification, **changes: Any) -> dict[str, Any]:
    return asdict(wanted) | changes


def test_damaged_files_are_refused(wanted: SurrogateSpecification, tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    with pytest.raises(UserError, match="does not exist"):
        read_specification(path)
    other_source = {FIRST.id: asdict(FIRST) | {"source": MIXED.source}}
    for content, words in [
        ([1], "is not a surrogate of schema 2; run `dvc repro replace`"),
        (damaged(wanted, schema_version=1), "is not a surrogate of schema 2"),
        (damaged(wanted, colour="red"), "is not a surrogate: .*colour"),
        (damaged(wanted, programs={FIRST.id: {"id": "x"}}), "is not a surrogate"),
        (damaged(wanted, programs=[FIRST.id]), "is not a surrogate"),
        (damaged(wanted, recorded=[1]), "is not a surrogate"),
        (damaged(wanted, recorded={"texts": [{"key": "x"}]}), "is not a surrogate"),
        (damaged(wanted, programs={FIRST.id: asdict(FIRST)}), "the program of head L2H3 is missing"),
        (damaged(wanted, heads={"L0H1": FIRST.id}, programs=other_source), "'first' does not hash to its id"),
        (damaged(wanted, heads={}, programs={"x": asdict(FIRST)}), "'first' does not hash to its id"),
    ]:
        write_json(path, content)
        with pytest.raises(UserError, match=words) as caught:
            read_specification(path)
        assert "\n" not in str(caught.value)
