"""The first pass over imported programs: what it rules out can't be chosen, what stays is exact."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from attention_programs.attention.pattern_store import read_index, read_patterns, read_texts
from attention_programs.attention.writing import extract_to_folder
from attention_programs.config import AttentionSettings, SandboxSettings
from attention_programs.corpora.text import Text, text_key
from attention_programs.models.token_style import TokenStyle
from attention_programs.programs.record import ProgramRecord
from attention_programs.programs.runner import NOT_USED
from attention_programs.programs.view import TokenView
from attention_programs.progress import estimated
from attention_programs.scoring import first_pass as tested
from attention_programs.scoring.first_pass import FirstPass, first_pass, in_contention
from attention_programs.scoring.score_table import SplitScores, as_arrays, score_texts
from attention_programs.scoring.workers import Workers
from attention_programs.untrusted.execution import SandboxRunner
from builders import program_record
from conftest import tiny_model

WORKERS = Workers(1, 64, "cpu")
HEADS = ["L0H0", "L0H1"]
WORDS = "the old dog saw two green birds and ran home".split()


def imported(expression: str) -> ProgramRecord:
    return program_record(expression, author="imported")


FREE = [
    imported("np.tril(np.ones((text.n, text.n)))"),  # near what an untrained model does
    imported("np.tril(np.ones((text.n, text.n))) + 0.001 * np.eye(text.n)"),
    imported("np.eye(text.n)"),
    imported("np.eye(text.n, k=-1) + 0.001"),
]
TRUSTED = program_record("text.uniform")


@pytest.fixture(scope="module")
def patterns(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("maps")
    sentences = [" ".join(np.random.default_rng(i).permutation(WORDS)) for i in range(10)]
    texts = [Text(text_key(s), "a", "validation" if i < 8 else "test", s) for i, s in enumerate(sentences)]
    extract_to_folder(tiny_model("llama"), texts, AttentionSettings(max_tokens=24), folder)
    return folder


def passed(patterns: Path, programs: Sequence[ProgramRecord], runner: SandboxRunner, kept: Path) -> FirstPass:
    return first_pass(programs, patterns, read_index(patterns), runner, kept, (), WORKERS)


def test_what_is_ruled_out_keeps_its_numbers_and_what_stays_is_exact(
    patterns: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tested, "FIRST_TEXTS", 4)
    programs = [FREE[2], TRUSTED, FREE[0], FREE[3], FREE[1]]
    views = [TokenView.of(t) for t in read_texts(patterns, ["validation", "test"])]
    with SandboxRunner(SandboxSettings(), 1, TokenStyle("byte-level")) as runner:
        first = passed(patterns, programs, runner, tmp_path)
        assert first.ruled_out == {FREE[2].id, FREE[3].id}
        assert "2 of 4 imported programs are ruled out on 4 validation texts" in capfd.readouterr().err
        finished = runner.finish([one for one in programs if one.id not in first.ruled_out], views, tmp_path)

        def tables(split: str, run: tested.Run) -> pa.Table:
            texts = read_patterns(patterns, [split])  # type: ignore[list-item]
            return pa.concat_tables(score_texts(texts, programs, run, WORKERS))

        short = {split: tables(split, first.before(finished)) for split in ("validation", "test")}
        whole = {split: tables(split, runner.outcomes) for split in ("validation", "test")}
    for split, ran in (("validation", 4), ("test", 0)):
        statuses = np.array(short[split]["status"].to_pylist()).reshape(-1, len(programs))
        assert (statuses == "ruled out").sum(axis=0).tolist() == [len(statuses) - ran, 0, 0, len(statuses) - ran, 0]
        one, two = as_arrays(short[split]), as_arrays(whole[split])
        np.testing.assert_array_equal(one.iou[:, [1, 2, 4]], two.iou[:, [1, 2, 4]])
        scored = statuses[:, 0] != "ruled out"
        np.testing.assert_array_equal(one.iou[scored], two.iou[scored])
        assert not one.iou[~scored][:, [0, 3]].any()
    best = [_best(as_arrays(tables["validation"]), [0, 2, 3, 4]) for tables in (short, whole)]
    np.testing.assert_array_equal(*best)


def _best(scores: SplitScores, members: list[int]) -> np.ndarray:
    return scores.iou.mean(axis=0)[members].argmax(axis=0)


def test_nothing_is_run_without_imported_programs_or_with_few_texts(patterns: Path, tmp_path: Path) -> None:
    with SandboxRunner(SandboxSettings(), 1, TokenStyle("byte-level")) as runner:
        for programs in ([TRUSTED], [TRUSTED, replace(FREE[0], author="llm")], FREE):
            assert not passed(patterns, programs, runner, tmp_path).ruled_out
        assert runner.level == NOT_USED
    assert not list(tmp_path.iterdir())


def iou(*means: tuple[float, float], swing: float = 0.0) -> np.ndarray:
    """Shape (16, programs, 2): the programs go up and down text by text, every second one against the others."""
    signs = np.array([[(-1) ** (text + number)] for number in range(len(means)) for text in range(16)])
    return (np.array(means)[None] + swing * signs.reshape(len(means), 16, 1).swapaxes(0, 1)).astype(np.float32)


def stays(scores: np.ndarray, programs: Sequence[ProgramRecord], causal: bool = True) -> list[bool]:
    return in_contention(programs, scores, HEADS, causal, ("named",)).tolist()


def test_a_program_stays_while_one_head_may_choose_it() -> None:
    programs = [program_record(f"np.eye(text.n) + {k}") for k in range(4)]
    assert stays(iou((0.9, 0.1), (0.89, 0.0), (0.1, 0.8), (0.8, 0.7)), programs) == [True, True, True, False]
    # What goes up and down is given the benefit of the doubt.
    assert stays(iou((0.9, 0.1), (0.8, 0.0)), programs[:2]) == [True, False]
    assert stays(iou((0.9, 0.1), (0.8, 0.0), swing=0.2), programs[:2]) == [True, True]


def test_a_program_stays_as_the_best_of_those_that_may_be_chosen_or_are_meant_for_the_head() -> None:
    best, verified, own = (program_record(f"np.eye(text.n) + {k}") for k in range(3))
    ahead = replace(best, prefix_test="looks_ahead")
    scores = iou((0.9, 0.9), (0.5, 0.5), (0.1, 0.1))
    assert stays(scores, [ahead, verified, own]) == [True, True, False]
    assert stays(scores, [ahead, verified, own], causal=False) == [True, False, False]
    assert stays(scores, [replace(ahead, name="named"), verified, own]) == [True, False, False]
    assert stays(scores, [best, verified, replace(own, intended_heads=["L0H1"])]) == [True, False, True]
    assert stays(scores, [best, verified, replace(own, intended_heads=["L9H9"])]) == [True, False, False]


@pytest.mark.parametrize(("total", "said"), [(8, False), (9, True)])
def test_the_time_for_all_is_said_after_a_sample(total: int, said: bool, capsys: pytest.CaptureFixture[str]) -> None:
    assert list(estimated(range(total), "programs", total, "of them")) == list(range(total))
    assert ("programs: about 1 s for all 9 of them, from the first 8" in capsys.readouterr().err) is said
