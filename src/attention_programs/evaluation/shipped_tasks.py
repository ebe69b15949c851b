"""The two tasks that need no download: their questions are made of the test stories.

They are written as lm-eval tasks as well, so that anybody can run the same questions with lm-eval alone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from attention_programs.corpora.text import Text
from attention_programs.errors import UserError
from attention_programs.evaluation.agreement import agreement_questions
from attention_programs.evaluation.continuation import continuation_questions
from attention_programs.evaluation.task_loading import load_task, with_rows
from attention_programs.files import write_jsonl, write_text

if TYPE_CHECKING:
    from lm_eval.api.task import ConfigurableTask

CORPUS = "stories"
"""The corpus that questions are made of."""


@dataclass(frozen=True)
class ShippedTask:
    """How a task's questions are made and scored."""

    make: Callable[[list[Text], np.random.Generator], list[dict[str, Any]]]
    metrics: tuple[str, ...]
    """``acc`` takes the likeliest choice, ``acc_norm`` the likeliest for its length."""


SHIPPED_TASKS = {
    "story_continuation": ShippedTask(continuation_questions, ("acc", "acc_norm")),
    "verb_agreement": ShippedTask(agreement_questions, ("acc",)),
}


def _settings(name: str) -> dict[str, Any]:
    """The task as lm-eval's YAML describes it; the file of questions is named relative to the folder of both."""
    metrics = SHIPPED_TASKS[name].metrics
    return {
        "task": name,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": f"{name}.jsonl"}},
        "test_split": "test",
        "output_type": "multiple_choice",
        "doc_to_text": "context",
        "doc_to_choice": "choices",
        "doc_to_target": "answer",
        "metric_list": [{"metric": metric, "aggregation": "mean", "higher_is_better": True} for metric in metrics],
        "metadata": {"version": 1.0},
    }


def shipped_task(name: str, texts: list[Text], folder: Path, rng: np.random.Generator) -> "ConfigurableTask":
    """Makes a task's questions, writes ``<name>.jsonl`` and ``<name>.yaml``, and loads the task.

    Args:
        name: One of ``SHIPPED_TASKS``.
        texts: All texts; the test split of the corpus ``stories`` is used.
        folder: Where the two files go.
        rng: Draws the questions.

    Raises:
        UserError: if the stories give no question.
    """
    stories = [text for text in texts if text.corpus == CORPUS and text.split == "test"]
    rows = SHIPPED_TASKS[name].make(stories, rng)
    if not rows:
        raise UserError(
            f"evaluation task {name!r}: the {len(stories)} test texts of the corpus {CORPUS!r} give no question; add "
            "such a corpus, raise corpora.limit, or leave the task out of evaluation.tasks"
        )
    settings = _settings(name)
    command = f"lm_eval --model hf --model_args pretrained=MODEL --include_path . --tasks {name}"
    write_jsonl(folder / f"{name}.jsonl", rows)
    write_text(folder / f"{name}.yaml", f"# In this folder: {command}\n{yaml.safe_dump(settings, sort_keys=False)}")
    return load_task(with_rows(settings, rows, "test"))
