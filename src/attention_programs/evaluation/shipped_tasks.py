"""Two tasks made from the test stories, so that they need no download; also written as files for lm-eval itself."""

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
"""The corpus that questions are made from."""


SHIPPED_TASKS = {"story_continuation": continuation_questions, "verb_agreement": agreement_questions}
"""The function that makes each task's questions."""


def _settings(name: str) -> dict[str, Any]:
    """The task as in lm-eval's YAML; the path of the questions is relative to the folder of both."""
    # acc takes the most likely choice, acc_norm the most likely for its length, which one verb hardly changes.
    metrics = ("acc",) if name == "verb_agreement" else ("acc", "acc_norm")
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
    """Makes a task's questions, writes ``<name>.jsonl`` and ``<name>.yaml`` into ``folder``, and loads the task.

    Only test texts of the corpus ``stories`` are used.

    Raises:
        UserError: if the stories yield no questions.
    """
    stories = [text for text in texts if text.corpus == CORPUS and text.split == "test"]
    rows = SHIPPED_TASKS[name](stories, rng)
    if not rows:
        raise UserError(
            f"evaluation task {name!r}: the {len(stories)} test texts of the corpus {CORPUS!r} yield no questions; "
            "add that corpus, raise corpora.limit, or leave the task out of evaluation.tasks"
        )
    settings = _settings(name)
    command = f"lm_eval --model hf --model_args pretrained=MODEL --include_path . --tasks {name}"
    write_jsonl(folder / f"{name}.jsonl", rows)
    write_text(folder / f"{name}.yaml", f"# In this folder: {command}\n{yaml.safe_dump(settings, sort_keys=False)}")
    return load_task(with_rows(settings, rows, "test"))
