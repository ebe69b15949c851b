"""The intervention is exact: identity, read-back, untouched heads, causality, padding, cache, lengths, precision."""

import copy
import sys

import numpy as np
import pytest
import torch

from attention_programs.attention.pattern_store import TextAttention
from attention_programs.config import SandboxSettings
from attention_programs.errors import UserError
from attention_programs.models.head import Head, all_heads
from attention_programs.models.loading import LoadedModel
from attention_programs.programs.record import ProgramRecord, make_record
from attention_programs.programs.run_result import Scored
from attention_programs.programs.runtime import run
from attention_programs.programs.view import TokenView
from attention_programs.surrogate.identity import check_identity, identity_of
from attention_programs.surrogate.intervention import PatchedModel, pattern_cache
from attention_programs.untrusted.execution import SandboxRunner
from conftest import FAMILIES, tiny_model

HEADS = [Head(0, 1), Head(0, 2), Head(1, 0), Head(2, 3)]
LENGTHS = (1, 2, 17, 130)
SOFTMAX = (
    'def program(text):\n    """Mixes the sink, distance and commas."""\n'
    "    return text.softmax(1.5 * text.first_token - 0.7 * text.log_distance + 0.9 * text.key.comma)\n"
)


def record(source: str, name: str = "test", prefix_test: str = "prefix_only") -> ProgramRecord:
    return make_record(source, name, "search", prefix_test, [], {})  # type: ignore[arg-type]


MIXED = record(SOFTMAX)
PREVIOUS = record('def program(text):\n    """Previous token."""\n    return text.previous_token\n')
ASSIGNMENT = {HEADS[0]: MIXED, HEADS[1]: PREVIOUS, HEADS[2]: PREVIOUS, HEADS[3]: MIXED}


def ids_of(length: int, seed: int = 0) -> list[int]:
    return np.random.default_rng(seed).integers(5, 120, length).tolist()


def logits(loaded: LoadedModel, ids: list[int]) -> torch.Tensor:
    with torch.inference_mode():
        return loaded.model(input_ids=torch.tensor([ids])).logits[0]


@pytest.mark.parametrize("length", LENGTHS)
def test_own_patterns_change_nothing(any_model: LoadedModel, length: int) -> None:
    assert identity_of(any_model, HEADS, [ids_of(length)]).own < 1e-5


def test_a_layer_without_a_head_of_its_own_skips_its_attention(
    any_model: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert identity_of(any_model, all_heads(3, 4), [ids_of(17)]).own < 1e-5
    module = sys.modules[type(any_model.model).__module__]
    eager, calls = module.eager_attention_forward, []
    monkeypatch.setattr(module, "eager_attention_forward", lambda *a, **k: (calls.append(a[0]), eager(*a, **k))[1])
    whole = {head: MIXED for head in all_heads(3, 4) if head.layer == 1} | {Head(2, 0): MIXED}
    with PatchedModel(any_model, whole) as patched:
        short = logits(any_model, ids_of(17))
        assert len(calls) == 2
        with patched.gated({head: torch.ones(1) for head in whole}):
            assert torch.allclose(logits(any_model, ids_of(17)), short, atol=1e-5)
        assert len(calls) == 5


def test_identity_test_notices_a_wrong_intervention(llama: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        TextAttention, "patterns", property(lambda text: np.ones((4, len(text.ids), len(text.ids))) / len(text.ids))
    )
    with pytest.raises(UserError, match="changes a logit"):
        check_identity(llama, HEADS)


@pytest.mark.parametrize("length", LENGTHS)
def test_weights_read_back_are_the_programs_and_others_are_untouched(any_model: LoadedModel, length: int) -> None:
    ids = ids_of(length)
    model, causal = any_model.model, any_model.record.causal
    view = TokenView(ids, any_model.token_strings(ids), causal)
    first = {head: program for head, program in ASSIGNMENT.items() if head.layer == 0}
    with torch.inference_mode():
        original = model(input_ids=torch.tensor([ids]), output_attentions=True).attentions
        with PatchedModel(any_model, first):
            patched = model(input_ids=torch.tensor([ids]), output_attentions=True).attentions
    for index in range(4):
        if Head(0, index) in first:
            outcome = run(first[Head(0, index)].compiled(), view)
            assert isinstance(outcome, Scored)
            np.testing.assert_allclose(patched[0][0, index].numpy(), outcome.weights, atol=1e-6)
        else:
            assert torch.equal(patched[0][0, index], original[0][0, index])


def test_outputs_of_untouched_heads_are_bit_equal(any_model: LoadedModel) -> None:
    import sys

    ids = torch.tensor([ids_of(17)])
    layer = any_model.model
    captured: list[torch.Tensor] = []
    module = sys.modules[type(layer).__module__]
    eager = module.eager_attention_forward
    from attention_programs.surrogate import intervention

    original = intervention._attention

    def spy(*args, **kwargs):  # type: ignore[no-untyped-def]
        output, weights = original(*args, **kwargs)
        own, _ = eager(*args, **kwargs)
        captured.append(torch.stack([output, own]))
        return output, weights

    intervention._attention = spy
    try:
        with torch.inference_mode(), PatchedModel(any_model, {Head(0, 2): PREVIOUS}):
            layer(input_ids=ids)
    finally:
        intervention._attention = original
    replaced, own = captured[0]
    for index in range(4):
        same = torch.equal(replaced[:, :, index], own[:, :, index])
        assert same == (index != 2)


def test_later_tokens_never_change_earlier_logits(causal_model: LoadedModel) -> None:
    ids = ids_of(40)
    other = ids[:25] + ids_of(15, seed=1)
    with PatchedModel(causal_model, ASSIGNMENT):
        torch.testing.assert_close(logits(causal_model, ids)[:25], logits(causal_model, other)[:25], rtol=0, atol=1e-6)
        assert not torch.allclose(logits(causal_model, ids)[25:], logits(causal_model, other)[25:])


@pytest.mark.parametrize("side", ["left", "right"])
def test_padded_batches_equal_single_texts(any_model: LoadedModel, side: str) -> None:
    # These two count positions from the first column, padding included, unless told otherwise.
    positions = side == "left" and any_model.record.name in ("tiny-gpt2", "tiny-bert")
    texts = [ids_of(17, 2), ids_of(2, 3), ids_of(9, 4)]
    longest = max(map(len, texts))
    ids = torch.full((3, longest), 1)
    mask = torch.zeros_like(ids)
    for row, text in enumerate(texts):
        part = slice(longest - len(text), longest) if side == "left" else slice(0, len(text))
        ids[row, part] = torch.tensor(text)
        mask[row, part] = 1
    extra = {"position_ids": (mask.cumsum(1) - 1).clamp(min=0)} if positions else {}
    with torch.inference_mode(), PatchedModel(any_model, ASSIGNMENT):
        together = any_model.model(input_ids=ids, attention_mask=mask, **extra).logits
        for row, text in enumerate(texts):
            torch.testing.assert_close(together[row, mask[row].bool()], logits(any_model, text), rtol=0, atol=2e-5)


def test_generation_with_a_cache_equals_generation_without(causal_model: LoadedModel) -> None:
    ids = torch.tensor([ids_of(9), ids_of(9, 5)])
    with torch.inference_mode(), PatchedModel(causal_model, ASSIGNMENT):
        options = {"max_new_tokens": 12, "do_sample": False, "attention_mask": torch.ones_like(ids)}
        cached = causal_model.model.generate(ids, use_cache=True, **options)
        plain = causal_model.model.generate(ids, use_cache=False, **options)
        step = causal_model.model(input_ids=ids[:, :5], use_cache=True)
        rest = causal_model.model(input_ids=ids[:, 5:], past_key_values=step.past_key_values, use_cache=True)
        whole = causal_model.model(input_ids=ids)
    assert torch.equal(cached, plain)
    torch.testing.assert_close(rest.logits, whole.logits[:, 5:], rtol=0, atol=1e-5)


def test_beam_search_with_a_cache_equals_beam_search_without(causal_model: LoadedModel) -> None:
    ids = torch.tensor([ids_of(9), ids_of(9, 5)])
    options = {"max_new_tokens": 8, "num_beams": 3, "do_sample": False, "attention_mask": torch.ones_like(ids)}
    with torch.inference_mode(), PatchedModel(causal_model, ASSIGNMENT):
        cached = causal_model.model.generate(ids, use_cache=True, **options)
        plain = causal_model.model.generate(ids, use_cache=False, **options)
    assert torch.equal(cached, plain)


def test_a_cache_filled_without_the_surrogate_is_refused(llama: LoadedModel) -> None:
    ids = torch.tensor([ids_of(9)])
    with torch.inference_mode():
        cache = llama.model(input_ids=ids[:, :5], use_cache=True).past_key_values
        with PatchedModel(llama, ASSIGNMENT), pytest.raises(UserError, match="cache was filled without"):
            llama.model(input_ids=ids[:, 5:], past_key_values=cache)


def test_restoring_gives_the_original_model_back(any_model: LoadedModel) -> None:
    ids = ids_of(17)
    before = logits(any_model, ids)
    with PatchedModel(any_model, ASSIGNMENT):
        changed = logits(any_model, ids)
    assert not torch.allclose(before, changed, atol=1e-3)
    assert torch.equal(before, logits(any_model, ids))


def test_bfloat16(llama: LoadedModel) -> None:
    half = LoadedModel(copy.deepcopy(llama.model).to(torch.bfloat16), llama.tokenizer, llama.record)
    ids = ids_of(17)
    with PatchedModel(half, ASSIGNMENT):
        found = logits(half, ids)
        weights = half.model(input_ids=torch.tensor([ids]), output_attentions=True).attentions[0][0, 2]
    assert found.dtype == torch.bfloat16
    assert torch.isfinite(found).all()
    assert torch.equal(weights, torch.eye(17, dtype=torch.bfloat16).roll(-1, 1).tril(-1) + _first(17))


def _first(n: int) -> torch.Tensor:
    first = torch.zeros(n, n, dtype=torch.bfloat16)
    first[0, 0] = 1
    return first


@pytest.mark.parametrize(
    ("head", "program", "words"),
    [
        (Head(3, 0), PREVIOUS, "L3H0 does not exist"),
        (Head(0, 0), record(SOFTMAX, prefix_test="looks_ahead"), "looks ahead"),
    ],
)
def test_bad_assignments_are_refused_and_leave_the_model_alone(
    llama: LoadedModel, head: Head, program: ProgramRecord, words: str
) -> None:
    before = logits(llama, ids_of(5))
    with pytest.raises(UserError, match=words):
        PatchedModel(llama, {head: program})
    assert torch.equal(before, logits(llama, ids_of(5)))


def test_a_program_that_looks_ahead_is_put_in_when_asked_by_name(llama: LoadedModel) -> None:
    looks = {Head(0, 0): record(SOFTMAX, "looks", prefix_test="looks_ahead")}
    with PatchedModel(llama, looks, look_ahead=["looks"]):
        assert torch.isfinite(logits(llama, ids_of(5))).all()
    with pytest.raises(UserError, match=r"'looks' for head L0H0 looks ahead.*name it in replacement.look_ahead"):
        PatchedModel(llama, looks, look_ahead=["another"])


def test_a_program_of_unknown_origin_does_the_same_from_the_sandbox(llama: LoadedModel) -> None:
    free = record('def program(text):\n    """Free."""\n    return np.eye(text.n, k=-1)\n')
    with PatchedModel(llama, {Head(0, 0): PREVIOUS}):
        expected = logits(llama, ids_of(9))
    with (
        SandboxRunner(SandboxSettings(), 1, llama.token_style) as runner,
        PatchedModel(llama, {Head(0, 0): free}, pattern_cache(llama, runner)),
    ):
        assert torch.equal(logits(llama, ids_of(9)), expected)
    with PatchedModel(llama, {Head(0, 0): free}), pytest.raises(UserError, match="runs only in the sandbox"):
        logits(llama, ids_of(9))


def test_embeddings_instead_of_ids_are_refused(llama: LoadedModel) -> None:
    with PatchedModel(llama, ASSIGNMENT), pytest.raises(UserError, match="programs read tokens"):
        llama.model(inputs_embeds=torch.zeros(1, 3, 32))


def test_patching_twice_is_refused(llama: LoadedModel) -> None:
    with PatchedModel(llama, ASSIGNMENT), pytest.raises(UserError, match="already computed by attention_programs"):
        PatchedModel(llama, ASSIGNMENT)


def test_families_are_what_the_readme_says() -> None:
    names = {type(tiny_model(family).model).__name__ for family in FAMILIES}
    assert names == {
        "GPT2LMHeadModel", "LlamaForCausalLM", "Qwen2ForCausalLM", "GemmaForCausalLM", "BertForMaskedLM"
    }  # fmt: skip
