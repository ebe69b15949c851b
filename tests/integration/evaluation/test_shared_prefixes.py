"""Reading a shared question once gives the likelihoods that lm-eval finds by reading it with every choice."""

from typing import Any

import pytest
import torch
from lm_eval.models.huggingface import HFLM

from attention_programs.evaluation.shared_prefixes import SharedPrefixModel
from attention_programs.models.head import Head
from attention_programs.models.loading import LoadedModel
from attention_programs.surrogate.intervention import PatchedModel
from builders import program_record
from conftest import SENTENCES

PROGRAMS = [
    program_record(f"text.softmax({terms})") for terms in ("2.0 * text.first_token", "3.0 * text.previous_token")
]
SOME = {Head(layer, index): PROGRAMS[index] for layer in range(3) for index in (0, 1)}
WHOLE_LAYER = {Head(1, index): PROGRAMS[index % 2] for index in range(4)}


def requests(loaded: LoadedModel) -> list[tuple[Any, list[int], list[int]]]:
    """Questions of several lengths, each with choices of one to nine tokens; two questions are the same."""
    encoded = [loaded.encode(text, 30) for text in SENTENCES]
    questions = [encoded[0], encoded[1][:5], encoded[2], encoded[1][:5], encoded[3][:1]]
    choices = [encoded[4][start : start + length] for start, length in ((0, 1), (3, 4), (1, 9), (8, 2))]
    return [(None, question, choice) for question in questions for choice in choices]


def asked(kind: type, loaded: LoadedModel, batch: int) -> list[tuple[float, bool]]:
    model = kind(pretrained=loaded.model, tokenizer=loaded.tokenizer, batch_size=batch, prefix_token_id=1)
    found: list[tuple[float, bool]] = model._loglikelihood_tokens(requests(loaded), disable_tqdm=True)
    return found


@pytest.mark.parametrize("batch", [1, 6, 64])
@pytest.mark.parametrize("replaced", [{}, SOME, WHOLE_LAYER], ids=["none", "some", "a whole layer"])
def test_likelihoods_are_those_of_lm_eval(causal_model: LoadedModel, replaced: dict, batch: int) -> None:
    with PatchedModel(causal_model, replaced):
        expected, found = asked(HFLM, causal_model, 4), asked(SharedPrefixModel, causal_model, batch)
    assert [each for each, _ in found] == pytest.approx([each for each, _ in expected], abs=2e-4)
    assert [likeliest for _, likeliest in found] == [likeliest for _, likeliest in expected]
    assert len({round(each, 3) for each, _ in found}) > 10


def test_a_question_is_read_once(llama: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    forward = llama.model.forward

    def counting(*inputs: Any, input_ids: torch.Tensor, attention_mask: torch.Tensor, **others: Any) -> Any:
        read.append(int(attention_mask[:, -input_ids.shape[1] :].sum()))
        return forward(*inputs, input_ids=input_ids, attention_mask=attention_mask, **others)

    monkeypatch.setattr(llama.model, "forward", counting)
    asked(SharedPrefixModel, llama, 64)
    all_requests = requests(llama)
    questions = {tuple(question) for _, question, _ in all_requests}
    longest = max(len(choice) for _, _, choice in all_requests)
    of_choices = [min(len(choice), longest - 1) for _, _, choice in all_requests]  # the last token predicts nothing
    assert read == [sum(map(len, questions)), sum(of_choices)]


def test_questions_too_long_for_the_model_are_cut_as_lm_eval_does(
    llama: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HFLM, "max_length", 18)
    expected, found = asked(HFLM, llama, 4), asked(SharedPrefixModel, llama, 4)
    assert [each for each, _ in found] == pytest.approx([each for each, _ in expected], abs=2e-4)
