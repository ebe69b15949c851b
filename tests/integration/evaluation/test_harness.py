"""A tiny random model answers both shipped tasks through lm-eval."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lm_eval.tasks import TaskManager

from attention_programs.config import EvaluationSettings
from attention_programs.corpora.text import Text
from attention_programs.errors import UserError
from attention_programs.evaluation.harness import TaskScore, _harness_model, answer_questions, load_tasks
from attention_programs.files import read_jsonl
from attention_programs.models.loading import LoadedModel
from builders import texts_from
from conftest import ROOT, tiny_model

LIMIT = 12
NAMES = ("story_continuation", "verb_agreement")


def stories() -> list[Text]:
    contents = [row["text"] for row in read_jsonl(ROOT / "corpora" / "stories.jsonl")[:12]]
    return texts_from(contents)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tasks")


@pytest.fixture(scope="module")
def tasks(folder: Path) -> list[Any]:
    return load_tasks(EvaluationSettings("x", tasks=NAMES), stories(), folder, seed=0)


@pytest.fixture(scope="module")
def scores(tasks: list[Any]) -> list[TaskScore]:
    loaded = tiny_model("llama")
    return answer_questions(loaded.model, loaded.tokenizer, tasks, LIMIT, batch_size=8)


def test_no_question_is_taken_for_special_tokens(llama: LoadedModel) -> None:
    asked = _harness_model(llama.model, llama.tokenizer, 1, "float32")
    assert asked.tok_encode("the [SEP] frog") == llama.encode("the [SEP] frog", 100)
    assert llama.tokenizer("[SEP]").input_ids == [4]


def test_scores_agree_with_their_questions(scores: list[TaskScore]) -> None:
    assert [(score.task, score.chance) for score in scores] == [(NAMES[0], 0.25), (NAMES[1], 0.5)]
    for score in scores:
        assert score.questions == LIMIT == len(score.correct)
        assert set(score.correct) <= {0, 1}
        assert score.accuracy == pytest.approx(sum(score.correct) / LIMIT)


def test_answers_are_the_models_own_likelihoods(llama: LoadedModel, tasks: list[Any], scores: list[TaskScore]) -> None:
    """Each choice is scored again without padding, one at a time, by the model alone."""
    for task, score in zip(tasks, scores, strict=True):
        for question, correct in zip(list(task.eval_docs)[:LIMIT], score.correct, strict=True):
            likelihoods = [_likelihood(llama, question["context"], choice) for choice in question["choices"]]
            assert (int(np.argmax(likelihoods)) == question["answer"]) == bool(correct)


def _likelihood(loaded: LoadedModel, context: str, choice: str) -> float:
    asked = len(loaded.tokenizer(context).input_ids)
    ids = torch.tensor([loaded.tokenizer(f"{context} {choice}").input_ids])
    likelihoods = loaded.model(ids).logits[0, :-1].log_softmax(-1).gather(1, ids[0, 1:, None])
    return float(likelihoods[asked - 1 :].sum())


def test_tasks_can_be_asked_again_and_of_another_model(
    llama: LoadedModel, tasks: list[Any], scores: list[TaskScore]
) -> None:
    other = tiny_model("gpt2")
    between = answer_questions(other.model, other.tokenizer, tasks, LIMIT, batch_size=8)
    assert answer_questions(llama.model, llama.tokenizer, tasks, LIMIT, batch_size=8) == scores
    assert between != scores


def test_nothing_of_the_process_changes(llama: LoadedModel, tasks: list[Any]) -> None:
    weights = {name: parameter.clone() for name, parameter in llama.model.named_parameters()}
    level = logging.getLogger("lm_eval").level
    drawn = np.random.get_state(legacy=True)[1].copy(), torch.random.get_rng_state()
    answer_questions(llama.model, llama.tokenizer, tasks[1:], 2, batch_size=2)
    assert logging.getLogger("lm_eval").level == level
    assert np.array_equal(np.random.get_state(legacy=True)[1], drawn[0])
    assert torch.equal(torch.random.get_rng_state(), drawn[1])
    assert llama.model.config._attn_implementation == "eager"
    assert all(torch.equal(weights[name], parameter) for name, parameter in llama.model.named_parameters())


def test_the_written_files_are_the_same_task_for_lm_eval_alone(
    folder: Path, tasks: list[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path)
    loaded = TaskManager(include_defaults=False, include_path=".").load(list(NAMES))["tasks"]
    for task in tasks:
        alone = loaded[task.task_name]
        assert list(alone.eval_docs) == list(task.eval_docs)
        for question in task.eval_docs:
            assert alone.doc_to_text(question) == task.doc_to_text(question) == question["context"]
            assert alone.doc_to_choice(question) == question["choices"]
            assert alone.doc_to_target(question) == question["answer"]
    assert str(folder) not in "".join(path.read_text() for path in folder.iterdir())


def test_a_model_without_likelihoods_is_refused(tasks: list[Any]) -> None:
    bert = tiny_model("bert")
    with pytest.raises(UserError, match="BertForMaskedLM is not a causal language model"):
        answer_questions(bert.model, bert.tokenizer, tasks, 2, batch_size=2)


def test_an_encoder_that_is_asked_nothing_answers_nothing() -> None:
    bert = tiny_model("bert")
    assert answer_questions(bert.model, bert.tokenizer, [], 4, 4) == []
