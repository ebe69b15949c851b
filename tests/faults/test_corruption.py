"""A damaged file of any kind is refused by what reads it, and noticed by DVC."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from faulty import Undisturbed, exit_code, in_process

from attention_programs.files import write_text
from shared_data import dvc, git

READERS = {
    "models/tiny-llama/model.json": "attention",
    "models/tiny-llama/model.safetensors": "attention",
    "data/tiny/texts.jsonl": "attention",
    "data/tiny/attention/*.npz": "search",
    "data/tiny/found_programs.jsonl": "synthesize",
    "data/tiny/programs.jsonl": "score",
    "data/tiny/scores.parquet": "select",
    "data/tiny/analyses.jsonl": "analyse",
    "results/tiny/heads.csv": "ablation",
    "results/tiny/rankings.csv": "distil",
    "data/tiny/distilled.jsonl": "replace",
    "data/tiny/surrogate.json": "evaluate",
    "results/tiny/perplexity.csv": "report",
}
"""A stage that reads it, by file."""
DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "emptied": lambda _: b"",
    "cut": lambda content: content[: len(content) // 2],
    "overwritten": lambda content: content[: len(content) // 2] + b"\xff" * 64 + content[len(content) // 2 + 64 :],
}


def first(root: Path, pattern: str) -> Path:
    return min(root.glob(pattern))


def _code_to(file: Path, root: Path, stage: str, said: Path) -> None:
    write_text(file, str(exit_code(root, stage, said)))


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("pattern", READERS)
def test_a_damaged_file_is_refused_by_the_stage_that_reads_it(
    undisturbed: Undisturbed, tmp_path: Path, pattern: str, damage: str
) -> None:
    root = shutil.copytree(undisturbed.states[""], tmp_path / "repository", symlinks=True)
    path = first(root, pattern)
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    code, said = tmp_path / "code", tmp_path / "said"
    assert in_process(_code_to, code, root, READERS[pattern], said).code == 0
    lines = said.read_text(encoding="utf-8")
    assert code.read_text(encoding="utf-8") == "2", lines
    (error,) = [line for line in lines.splitlines() if line.startswith("error:")]
    assert path.name in error or path.parent.name in error
    assert "Traceback" not in lines


def test_a_changed_byte_of_any_output_is_noticed_by_dvc(undisturbed: Undisturbed, tmp_path: Path) -> None:
    root = shutil.copytree(undisturbed.states[""], tmp_path / "repository", symlinks=True)
    git(root, "init", "--quiet")
    dvc(root, "commit", "--force", "dvc.yaml")
    for pattern in READERS:
        path = first(root, pattern)
        content = path.read_bytes()
        path.write_bytes(content[:-2] + bytes([content[-2] ^ 1]) + content[-1:])
        changed = json.dumps(json.loads(dvc(root, "status", "--json")))
        assert str(path.relative_to(root)) in changed or f'{path.parent.relative_to(root)}"' in changed
        path.write_bytes(content)
    assert json.loads(dvc(root, "status", "--json")) == {}
