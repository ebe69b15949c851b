"""Files of questions are those of their hash, or refused."""

from pathlib import Path

import pytest

from attention_programs.errors import UserError
from attention_programs.evaluation.paper_tasks import paper_task
from attention_programs.files import sha256_file, write_jsonl

ROW = {"premise": "The man turned on the tap.", "choice1": "It rained.", "choice2": "Water came.", "question": "effect",
       "idx": 0, "label": 1}  # fmt: skip


def test_a_file_with_another_hash_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "copa_validation.jsonl"
    write_jsonl(path, [ROW])
    expected = sha256_file(path)
    assert len(paper_task("copa", str(tmp_path), 1, expected).eval_docs) == 1
    write_jsonl(path, [ROW | {"label": 0}])
    with pytest.raises(UserError, match=f"'copa': .* expected {expected}; get the expected file"):
        paper_task("copa", str(tmp_path), 1, expected)
    assert len(paper_task("copa", str(tmp_path), 1).eval_docs) == 1, "without a hash any file will do"
