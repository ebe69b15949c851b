"""Asks a model questions through lm-eval: how much it still knows with heads replaced."""

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from attention_programs.config import EvaluationSettings, Precision
from attention_programs.corpora.text import Text
from attention_programs.errors import UserError
from attention_programs.evaluation.paper_tasks import PAPER_TASKS, paper_task
from attention_programs.evaluation.shipped_tasks import SHIPPED_TASKS, shipped_task
from attention_programs.evaluation.task_loading import quiet_harness
from attention_programs.models.precision import computed_in, weights_kept

if TYPE_CHECKING:
    from lm_eval.api.task import ConfigurableTask


@dataclass(frozen=True)
class TaskScore:
    """A model's answers to a task."""

    task: str
    accuracy: float
    """lm-eval's ``acc``: the share of questions whose most likely choice is right, 0..1."""
    chance: float
    """Accuracy of guessing: the mean of 1 / choices."""
    correct: tuple[int, ...]
    """1 or 0 for each question, in the task's order, which is the same for every model."""
    origins: tuple[str, ...]
    """What each question was made from, in the same order: a story, or the question itself."""

    @property
    def questions(self) -> int:
        """Questions asked."""
        return len(self.correct)

    @property
    def sources(self) -> int:
        """Number of distinct origins, the independent units."""
        return len(set(self.origins))


def load_tasks(
    settings: EvaluationSettings, texts: list[Text], folder: Path, seed: int, root: Path = Path()
) -> "list[ConfigurableTask]":
    """Prepares all tasks of the settings, so that missing files are reported before a model runs.

    Args:
        settings: Task names, their local folder, and how many questions will be asked.
        texts: The texts that the shipped tasks are made from.
        folder: Where the shipped tasks are written.
        seed: Seed of each shipped task, whatever other tasks are selected.
        root: What the local folder is relative to.

    Raises:
        UserError: for an unknown task, or if a task's questions are unavailable.
    """
    known, hashes = [*SHIPPED_TASKS, *PAPER_TASKS], {file.task: file.sha256 for file in settings.files}
    for name in settings.tasks:
        if name not in known:
            raise UserError(f"evaluation.tasks: unknown task {name!r}; choose from {', '.join(known)}")
    return [
        shipped_task(name, texts, folder, np.random.default_rng(seed))
        if name in SHIPPED_TASKS
        else paper_task(name, settings.data_dir and str(root / settings.data_dir), settings.limit, hashes.get(name, ""))
        for name in dict.fromkeys(settings.tasks)
    ]


def _require_causal(model: Any) -> None:
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    if type(model).__name__ not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values():
        raise UserError(
            f"{type(model).__name__} is not a causal language model, so its answers have no likelihood; set "
            "evaluation.tasks to []"
        )


def _harness_model(model: Any, tokenizer: Any, batch_size: int, shorter: bool) -> Any:
    from attention_programs.evaluation.shared_prefixes import SharedPrefixModel  # takes seconds to import

    # lm-eval wants a token to begin an empty question with. There is no such question, so any token will do if the
    # tokenizer marks neither beginning nor end.
    tokenizer = copy.copy(tokenizer)
    tokenizer.split_special_tokens = True  # no question's text is read as a special token
    unmarked = tokenizer.bos_token_id is None and tokenizer.eos_token_id is None
    opening = tokenizer.pad_token_id if unmarked else None
    return SharedPrefixModel(
        pretrained=model,
        tokenizer=tokenizer,
        batch_size=batch_size,
        prefix_token_id=opening,
        mixed_precision_dtype="bfloat16" if shorter else None,
    )


def _score(task: str, accuracy: float, samples: list[dict[str, Any]]) -> TaskScore:
    ordered = sorted(samples, key=lambda sample: sample["doc_id"])
    return TaskScore(
        task=task,
        accuracy=float(accuracy),
        chance=sum(1 / len(sample["arguments"]) for sample in ordered) / len(ordered),
        correct=tuple(int(sample["acc"]) for sample in ordered),
        origins=tuple(str(sample["doc"].get("story", sample["doc_id"])) for sample in ordered),
    )


def answer_questions(
    model: Any,
    tokenizer: Any,
    tasks: "list[ConfigurableTask]",
    limit: int,
    batch_size: int,
    precision: Precision = "float32",
) -> list[TaskScore]:
    """Has a model answer zero-shot, by the likelihood of each choice after the question.

    The model is used as it is, on its device and with its heads replaced. Answers are never cached, as lm-eval's
    cache is keyed by questions but not by models.

    Args:
        model: A causal model of transformers. Its rows are padded on the right and get no attention mask, which is
            harmless as long as no token attends to later ones.
        tokenizer: Its tokenizer.
        tasks: From :func:`load_tasks`; can be reused with another model.
        limit: How many questions of a task are asked, from its start.
        batch_size: Choices in one forward pass.
        precision: Precision of matrix products; lm-eval respects only its own setting.

    Returns:
        One score per task, in the order of ``tasks``.

    Raises:
        UserError: if the model is not causal.
    """
    if not tasks:
        return []
    _require_causal(model)
    import lm_eval  # takes seconds to import
    from lm_eval.tasks import TaskManager

    shorter = computed_in(precision, model.device.type) == "bfloat16" and model.dtype == torch.float32
    # lm-eval casts the weights in every pass unless one context encloses them all.
    kept = torch.autocast(model.device.type, torch.bfloat16, enabled=shorter)
    with quiet_harness(), weights_kept(model), kept:
        answers = lm_eval.simple_evaluate(
            model=_harness_model(model, tokenizer, batch_size, shorter),
            tasks=tasks,
            task_manager=TaskManager(include_defaults=False),
            limit=limit,
            bootstrap_iters=0,
            # Nothing is sampled; the seeds would reset the generators of the whole process.
            random_seed=None,
            numpy_random_seed=None,
            torch_random_seed=None,
        )
    names = [task.task_name for task in tasks]
    return [_score(name, answers["results"][name]["acc,none"], answers["samples"][name]) for name in names]
