"""Files that settings name and no stage makes: missed at the start, not hours later by the stage that reads them."""

from collections.abc import Iterator
from pathlib import Path

from attention_programs.config import Config
from attention_programs.errors import UserError
from attention_programs.evaluation.paper_tasks import PAPER_TASKS, file_patterns, find_file
from attention_programs.files import sha256_file


def check_given_files(config: Config, root: Path) -> None:
    """Checks that all files of corpora and question tasks are there, with the hashes that settings give.

    Raises:
        UserError: naming every file that is missing or not the expected one.
    """
    expected = {**_of_corpora(config), **dict(_of_tasks(config, root))}
    missing = [name for name in expected if not (root / name).is_file()]
    given = {name: sha256 for name, sha256 in expected.items() if sha256 and name not in missing}
    other = [name for name, sha256 in given.items() if sha256_file(root / name) != sha256]
    problems = [f"missing: {', '.join(missing)}"] if missing else []
    problems += [f"other contents than expected: {', '.join(other)}"] if other else []
    if problems:
        raise UserError(
            f"profile {config.profile!r} needs files that no stage makes; {'; '.join(problems)}; put the expected "
            "files there (conf/corpora, conf/other_corpora and conf/evaluation have their hashes; docs/reproducing.md "
            "says where those of the benchmark come from)"
        )


def _of_corpora(config: Config) -> dict[str, str]:
    """Hashes by path from the project's folder; empty where any contents will do."""
    sources = (*config.corpora.sources, *config.replacement.other_corpora)
    return {source.location: source.sha256 for source in sources if source.source == "file"}


def _of_tasks(config: Config, root: Path) -> Iterator[tuple[str, str]]:
    settings = config.evaluation
    hashes = {file.task: file.sha256 for file in settings.files}
    folder = root / settings.data_dir
    for task in settings.tasks if settings.data_dir else ():
        if task in PAPER_TASKS:
            patterns = file_patterns(task)
            there = any(path for pattern in patterns for path in folder.glob(pattern))
            path = find_file(task, folder) if there else folder / patterns[0]
            yield (Path(settings.data_dir) / path.name).as_posix(), hashes.get(task, "")
