"""Checking files without running anything."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from attention_programs.config import load_config
from attention_programs.corpora.schema import check_rows
from attention_programs.corpora.sources import load_corpus
from attention_programs.errors import UserError
from attention_programs.files import read_jsonl, read_text
from attention_programs.llm.call_log import read_log
from attention_programs.programs.source import parse_source
from attention_programs.untrusted.vetting import read_candidates


def validate_files(files: Sequence[Path]) -> Iterator[str]:
    """Checks corpora (.jsonl), programs (.py) and settings (.yaml); yields one line per valid file.

    Raises:
        UserError: for the first invalid one.
    """
    for file in files:
        if file.suffix == ".jsonl":
            rows = read_jsonl(file)
            check_rows(rows, ("text",), str(file))
            yield f"{file}: {len(rows)} texts"
        elif file.suffix == ".py":
            parsed = parse_source(read_text(file), str(file))
            if not parsed.description:
                raise UserError(f"{file}: the program has no docstring; say in one sentence what the head does")
            kind = "vocabulary only" if parsed.speaks_vocabulary_only else "free Python"
            yield f"{file}: program {parsed.program_id[:12]}, {parsed.terms} terms, {kind}"
        elif file.suffix in (".yaml", ".yml"):
            yield f"{file}: settings of profile {load_config(file).profile!r}"
        else:
            raise UserError(f"{file}: cannot check a {file.suffix or 'file without suffix'}; give .jsonl, .py or .yaml")


def validate_project(root: Path) -> Iterator[str]:
    """Checks the current settings, their local corpora and the library's programs.

    Raises:
        UserError: for the first invalid one.
    """
    config = load_config(root / "params.yaml")
    yield f"params.yaml: settings of profile {config.profile!r}"
    for source in config.corpora.sources:
        if source.source == "file":
            yield f"{source.location}: {len(load_corpus(source, root))} texts"
    for folder in (config.synthesis.library, config.synthesis.baselines):
        files = sorted((root / folder).glob("*.py"))
        if not files:
            raise UserError(f"{root / folder} has no programs (*.py); correct the folder in params.yaml")
        yield from validate_files(files)
        yield from validate_files(sorted((root / folder).glob("*/*.py")))
    calls = read_log(root / config.explainer.call_log)
    if len(calls):
        yield f"{config.explainer.call_log}: {len(calls)} calls with a language model"
    imported = read_candidates(root / config.synthesis.imported)
    if imported:
        yield f"{config.synthesis.imported}: {len(imported)} programs for the sandbox"
