"""The paper's six tasks as lm-eval defines them, read from local JSONL files or from the hub.

Only the source of the questions is changed. Both sources use the validation split, which all six have: on the hub,
``arc_easy`` and ``sciq`` would otherwise use their test split, and so other questions.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from attention_programs.errors import UserError
from attention_programs.evaluation.task_loading import check_answers, check_rows, load_task, with_rows
from attention_programs.files import read_jsonl, sha256_file

if TYPE_CHECKING:
    from lm_eval.api.task import ConfigurableTask


PAPER_TASKS = {
    "hellaswag": "hellaswag/hellaswag.yaml",
    "piqa": "piqa/piqa.yaml",
    "sciq": "sciq/sciq.yaml",
    "arc_easy": "arc/arc_easy.yaml",
    "social_iqa": "siqa/siqa.yaml",
    "copa": "super_glue/copa/default.yaml",
}
"""The file below ``lm_eval/tasks`` that defines each task."""
_OTHER_NAMES = {"social_iqa": ("social_i_qa", "siqa")}
"""Other names that a task's local files may begin with."""


def _definition(name: str) -> dict[str, Any]:
    import lm_eval.tasks  # takes seconds to import
    from lm_eval.tasks._yaml_loader import load_yaml

    settings = load_yaml(Path(lm_eval.tasks.__file__).parent / PAPER_TASKS[name])
    return {key: value for key, value in settings.items() if key != "tag"} | {"test_split": None}


def file_patterns(name: str) -> list[str]:
    """File names that a task's questions may have, the preferred one first.

    >>> file_patterns("copa")
    ['copa_validation.jsonl', 'copa*_validation.jsonl', 'copa*.jsonl']
    """
    endings = ("_validation.jsonl", "*_validation.jsonl", "*.jsonl")
    return [stem + ending for ending in endings for stem in (name, *_OTHER_NAMES.get(name, ()))]


def find_file(name: str, data_dir: Path) -> Path:
    """The file of a task's questions: the match of the first pattern that has one.

    Raises:
        UserError: if there is none, or if a pattern matches several.
    """
    patterns = file_patterns(name)
    for pattern in patterns:
        found = sorted(path for path in data_dir.glob(pattern) if path.is_file())
        if len(found) > 1:
            names = ", ".join(path.name for path in found)
            raise UserError(f"{data_dir}: {names} all match task {name!r}; rename the one to use to {patterns[0]}")
        if found:
            return found[0]
    raise UserError(f"{data_dir} has no file for evaluation task {name!r}; put one there named {' or '.join(patterns)}")


def _from_file(name: str, path: Path, limit: int) -> "ConfigurableTask":
    rows = read_jsonl(path)
    check_rows(rows, str(path))
    try:
        task = load_task(with_rows(_definition(name), rows, "validation"))
    except Exception as error:  # lm-eval reads the first rows here and may raise anything if they are malformed
        raise UserError(
            f"{path}: not questions of {name} ({type(error).__name__}: {error}); export the data set's validation "
            "split as JSONL with its own fields"
        ) from error
    check_answers(task, str(path), limit)
    return task


def _from_hub(name: str) -> "ConfigurableTask":
    settings = _definition(name)
    try:
        return load_task(settings)
    except Exception as error:  # the hub client raises many types, which all mean the same to the user
        raise UserError(
            f"evaluation task {name!r}: cannot read data set {settings['dataset_path']!r} ({type(error).__name__}); "
            f"check the network, or set evaluation.data_dir to a folder that holds {file_patterns(name)[0]}"
        ) from error


def paper_task(name: str, data_dir: str, limit: int, sha256: str = "") -> "ConfigurableTask":
    """Loads a task with its questions from a folder of JSONL files, or from the hub if ``data_dir`` is empty.

    In a file, the labels of the first ``limit`` questions, which will be asked, are checked; so is its hash, if given.

    Raises:
        UserError: if the questions are missing, malformed, unavailable or not those of the hash.
    """
    if not data_dir:
        return _from_hub(name)
    path = find_file(name, Path(data_dir))
    found = sha256_file(path) if sha256 else ""
    if found != sha256:
        raise UserError(
            f"evaluation task {name!r}: {path} has SHA-256 {found}, expected {sha256}; get the expected file, or "
            "correct evaluation.files"
        )
    return _from_file(name, path, limit)
