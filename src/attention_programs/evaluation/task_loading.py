"""Turns questions and a task's settings into a task that lm-eval can run."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from attention_programs.errors import UserError

if TYPE_CHECKING:
    from lm_eval.api.task import ConfigurableTask


@contextmanager
def quiet_harness() -> Iterator[None]:
    """Limits lm-eval's log to errors; its progress bars stay."""
    logger = logging.getLogger("lm_eval")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def load_task(settings: dict[str, Any]) -> "ConfigurableTask":
    """Loads the task that complete settings describe, with its questions; lm-eval's errors are passed on."""
    from lm_eval.tasks import TaskManager  # takes seconds to import

    with quiet_harness():
        # Without lm-eval's own tasks, which take seconds to read and are not needed for complete settings.
        loaded = TaskManager(include_defaults=False).load([settings])
    return loaded["tasks"][settings["task"]]


def with_rows(settings: dict[str, Any], rows: list[dict[str, Any]], split: str) -> dict[str, Any]:
    """The same settings with only these rows, in memory: ``datasets`` would cache a file in the home for good."""
    import datasets  # takes seconds to import

    questions = datasets.Dataset.from_list(rows)

    def in_memory(**_: Any) -> dict[str, Any]:
        return {split: questions}

    splits = dict.fromkeys(("training_split", "validation_split", "test_split"))
    return settings | splits | {f"{split}_split": split, "custom_dataset": in_memory}


def check_rows(rows: list[dict[str, Any]], place: str) -> None:
    """Checks that every row has the fields of the first, each with a value.

    Raises:
        UserError: if there are no rows, or naming the first that differs; ``datasets`` would fill gaps with None.
    """
    if not rows:
        raise UserError(f"{place} has no questions; write one JSON object per line")
    for number, row in enumerate(rows, start=1):
        differing = set(row) ^ set(rows[0]) | {field for field, value in row.items() if value is None}
        if differing:
            raise UserError(
                f"{place}, row {number}: field {min(differing)!r} is missing or not in the other rows; "
                "give every row the same fields"
            )


def check_answers(task: "ConfigurableTask", place: str, limit: int) -> None:
    """Checks that each of the first ``limit`` questions has its answer among its choices.

    Raises:
        UserError: naming the first that has not; lm-eval would count it as wrong.
    """
    for number, question in enumerate(task.eval_docs, start=1):
        if number > limit:
            return
        try:
            choices, answer = task.doc_to_choice(question), task.doc_to_target(question)
            task.doc_to_text(question)
        except Exception as error:  # templates raise many types, which all mean that the row is malformed
            raise UserError(
                f"{place}, row {number}: not a question of {task.task_name} ({type(error).__name__}: {error}); "
                "export the data set's validation split as JSONL with its own fields"
            ) from error
        if answer not in (choices if isinstance(answer, str) else range(len(choices))):
            raise UserError(
                f"{place}, row {number}: answer {answer!r} is not among the {len(choices)} choices; correct its label"
            )
