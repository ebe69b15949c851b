"""Every family of architectures has all properties in every precision, or is refused with the reason."""

import sys
from collections.abc import Callable
from functools import cache
from typing import Any

import pandas as pd
import pytest
import torch

from attention_programs.errors import UserError
from attention_programs.models.architecture import decoder_layers
from attention_programs.models.loading import LoadedModel
from attention_programs.report.architectures import PRECISIONS, YES
from attention_programs.surrogate import intervention, layer_plan
from attention_programs.surrogate.contract import outcomes
from attention_programs.surrogate.contract_checks import CHECKS, LONG, Trial
from attention_programs.surrogate.small_model import small_model
from conftest import ROOT, tiny_model
from families import FAMILIES, Family
from snapshots import compare

TABLE = "architectures.csv"


@cache
def found(family: Family) -> pd.DataFrame:
    """A row for each property, with a column for each precision up to the first in which one is lacking."""
    tried: dict[str, dict[str, str]] = {precision: {} for precision in PRECISIONS}
    for precision, held in tried.items():
        for outcome in outcomes(family.kind(), family.configuration(), tiny_model("llama").tokenizer, precision):
            held[outcome.name] = outcome.reason or YES
        if set(held.values()) != {YES}:
            break
    rows = [[family.name, name, *(held.get(name, "") for held in tried.values())] for name in tried[PRECISIONS[0]]]
    return pd.DataFrame(rows, columns=["family", "property", *PRECISIONS])


def test_the_table_is_what_the_checks_find() -> None:
    compare(TABLE, pd.concat(map(found, FAMILIES)).to_csv(index=False), ROOT / "results")


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_family_has_every_property_in_every_precision_or_is_refused_in_one_line(family: Family) -> None:
    outcome = found(family)[list(PRECISIONS)].to_numpy().ravel().tolist()
    reasons = [each for each in outcome if each not in (YES, "")]
    assert len(reasons) == (set(outcome) != {YES})
    for reason in reasons:
        assert "\n" not in reason
        assert " fails with " not in reason, "the reason is one that a person gave"


def small(name: str) -> LoadedModel:
    family = next(family for family in FAMILIES if family.name == name)
    return small_model(family.kind(), family.configuration(), tiny_model("llama").tokenizer)


def trial(loaded: LoadedModel) -> Trial:
    return Trial.of(loaded, list(range(5, 5 + LONG)))


def returns_its_own_weights(loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    original, eager = intervention._attention, eager_of(loaded)
    monkeypatch.setattr(intervention, "_attention", lambda *a, **k: (original(*a, **k)[0], eager(*a, **k)[1]))


def shifts_other_heads(loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    original = intervention._attention

    def shifted(*args: Any, **kwargs: Any) -> Any:
        output, weights = original(*args, **kwargs)
        return output, weights * (1 + 1e-6)

    monkeypatch.setattr(intervention, "_attention", shifted)


def sees_the_whole_text(loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    change_tokens(loaded, lambda states: states + states.mean(dim=1, keepdim=True))


def counts_from_the_first_column(loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    change_tokens(loaded, lambda states: states + states.cumsum(dim=1))


def generates_another_token(loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    generate = loaded.model.generate

    def other(*args: Any, **kwargs: Any) -> torch.Tensor:
        text = generate(*args, **kwargs)
        text[0, -1] = (text[0, -1] + 1) % loaded.model.config.vocab_size
        return text

    monkeypatch.setattr(loaded.model, "generate", other)


def looks_beyond_the_window(loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layer_plan, "_within_window", lambda weights, mask: weights)


def caps_otherwise(loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded.model.config.attn_logit_softcapping = 0.1


def eager_of(loaded: LoadedModel) -> Any:
    return sys.modules[type(loaded.model).__module__].eager_attention_forward


def change_tokens(loaded: LoadedModel, change: Callable[[torch.Tensor], torch.Tensor]) -> None:
    decoder_layers(loaded.model)[1].mlp.register_forward_hook(lambda _module, _args, output: change(output))


@pytest.mark.parametrize(
    ("name", "family", "broken", "words"),
    [
        ("weights", "gpt-oss", None, "a learned sink"),
        ("read-back", "Llama", returns_its_own_weights, "the weights of head L0H1 are off its program's by"),
        ("other heads", "Llama", shifts_other_heads, "changes the weights of other heads"),
        ("no look-ahead", "Llama", sees_the_whole_text, "a change of later tokens changes a logit"),
        ("padding", "Llama", counts_from_the_first_column, "padding on the left changes a logit"),
        ("cache", "Llama", counts_from_the_first_column, "with a key-value cache changes a logit"),
        ("generation", "Llama", generates_another_token, "generating with a key-value cache changes a logit"),
        ("window", "Mistral", looks_beyond_the_window, "are off its program's by"),
        ("soft-capping", "Gemma 2", caps_otherwise, "which soft-capping at 0.1 forbids"),
    ],
)
def test_every_check_finds_what_it_is_for(
    name: str,
    family: str,
    broken: Callable[[LoadedModel, pytest.MonkeyPatch], None] | None,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loaded = small(family)
    with torch.inference_mode():
        if broken:
            CHECKS[name].test(trial(loaded))
            broken(loaded, monkeypatch)
        with pytest.raises(UserError, match=words):
            CHECKS[name].test(trial(loaded))
