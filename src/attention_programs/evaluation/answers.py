"""Answers of models with heads replaced, kept task by task, so that a killed run resumes."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from attention_programs.checkpoint import Checkpoint
from attention_programs.config import EvaluationSettings, Precision
from attention_programs.evaluation.harness import TaskScore, answer_questions
from attention_programs.files import read_json, sha256_text, write_json
from attention_programs.models.loading import LoadedModel
from attention_programs.scoring.assignments import Assignment
from attention_programs.surrogate.intervention import PatchedModel
from attention_programs.surrogate.pattern_cache import PatternCache

if TYPE_CHECKING:
    from lm_eval.api.task import ConfigurableTask


class Answers:
    """Has a model with different heads replaced answer the same tasks; equal answers are found once.

    Args:
        loaded: The model.
        tasks: The tasks.
        settings: How many questions are asked, and how many at a time.
        precision: Precision of matrix products.
        cache: Patterns of programs.
        look_ahead: Names of programs that may look ahead.
        folder: Where finished answers are kept; the caller removes it.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        tasks: "Sequence[ConfigurableTask]",
        settings: EvaluationSettings,
        precision: Precision,
        cache: PatternCache,
        look_ahead: Sequence[str],
        folder: Path,
    ) -> None:
        self._loaded, self._tasks, self._settings, self._precision = loaded, tasks, settings, precision
        self._cache, self._look_ahead = cache, look_ahead
        known = (loaded.record.weights_sha256, settings.limit, settings.batch_size, precision)
        self._checkpoint = Checkpoint(folder, sha256_text(repr(known)))

    def of(self, replaced: Assignment) -> list[TaskScore]:
        """The answers with some heads replaced, one score per task."""
        programs = repr(sorted((str(head), program.id) for head, program in replaced.items()))
        found = []
        for task in self._tasks:
            questions = json.dumps(list(islice(task.eval_docs, self._settings.limit)), sort_keys=True, default=str)
            part = sha256_text(f"{task.task_name}\n{questions}\n{programs}")[:20] + ".json"
            if not self._checkpoint.has(part):
                with self._checkpoint.writing(part) as unfinished:
                    write_json(unfinished, asdict(self._asked(task, replaced)))
            values = read_json(self._checkpoint.file(part))
            found.append(TaskScore(**values | {name: tuple(values[name]) for name in ("correct", "origins")}))
        return found

    def _asked(self, task: "ConfigurableTask", replaced: Assignment) -> TaskScore:
        settings = self._settings
        with PatchedModel(self._loaded, replaced, self._cache, self._look_ahead) as patched:
            (score,) = answer_questions(
                patched.model, patched.tokenizer, [task], settings.limit, settings.batch_size, self._precision
            )
        return score
