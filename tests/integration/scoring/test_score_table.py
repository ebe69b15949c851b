"""The score table: every program, head and text, failures included, against the measures cell by cell."""

import tracemalloc
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from attention_programs.attention.metrics import iou, jensen_shannon_distance, sink_excluded_iou
from attention_programs.attention.packing import Packing
from attention_programs.attention.pattern_store import TextAttention, read_patterns
from attention_programs.attention.writing import extract_to_folder
from attention_programs.config import AttentionSettings, SandboxSettings
from attention_programs.corpora.text import Text, text_key
from attention_programs.errors import UserError
from attention_programs.files import write_text
from attention_programs.models.token_style import TokenStyle
from attention_programs.programs.record import ProgramRecord, make_record
from attention_programs.programs.run_result import Outcome, Scored
from attention_programs.programs.runtime import run
from attention_programs.programs.view import TokenView
from attention_programs.scoring.score_table import SplitScores, bytes_in_work, read_scores, score_texts, write_scores
from attention_programs.scoring.workers import Workers
from attention_programs.untrusted.execution import SandboxRunner
from cases import program
from conftest import SENTENCES, tiny_model

WORKERS = Workers(2, 64, "cpu")
RUNNER = SandboxRunner(SandboxSettings(), 1, TokenStyle("byte-level"))
TERMS = {"first": "text.first_token", "previous": "text.previous_token + 0.2 * text.self_token", "even": "text.uniform"}


def records() -> list[ProgramRecord]:
    return [make_record(program(terms), name, "search", "prefix_only", [], {}) for name, terms in TERMS.items()]


@pytest.fixture(scope="module", params=["llama", "bert"])
def texts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[TextAttention]:
    loaded, folder = tiny_model(request.param), tmp_path_factory.mktemp("maps")
    contents = [
        Text(text_key(s), "ab"[i % 2], "test" if i < 3 else "validation", s) for i, s in enumerate((*SENTENCES, "A"))
    ]
    extract_to_folder(loaded, contents, AttentionSettings(max_tokens=24), folder)
    return list(read_patterns(folder, ["validation", "test"]))


def is_causal(texts: list[TextAttention]) -> bool:
    return texts[0].token_strings[0] != "[CLS]"


def scored(path: Path, texts: list[TextAttention], programs: list[ProgramRecord], split: str = "test") -> SplitScores:
    write_scores(path, score_texts(texts, programs, RUNNER.outcomes, WORKERS))
    return read_scores(path, split)  # type: ignore[arg-type]


def test_the_table_holds_what_the_measures_say(texts: list[TextAttention], tmp_path: Path) -> None:
    programs, causal = records(), is_causal(texts)
    for split in ("validation", "test"):
        table = scored(tmp_path / "scores.parquet", texts, programs, split)
        wanted = [text for text in texts if text.split == split]
        assert table.texts == [text.key for text in wanted]
        assert table.corpora == [text.corpus for text in wanted]
        assert table.programs == [record.id for record in programs]
        assert table.iou.shape == (len(wanted), 3, 12)
        for t, text in enumerate(wanted):
            true_pattern = text.patterns
            true_pattern = true_pattern / true_pattern.sum(axis=-1, keepdims=True)
            for p, record in enumerate(programs):
                outcome = run(record.compiled(), TokenView(text.ids, text.token_strings, causal))
                assert isinstance(outcome, Scored)
                for head in range(12):
                    pair = true_pattern[head], outcome.weights
                    assert table.iou[t, p, head] == pytest.approx(iou(*pair), abs=1e-5)
                    assert table.sink_excluded_iou[t, p, head] == pytest.approx(sink_excluded_iou(*pair), abs=1e-5)
                    found = table.divergence[t, p, head]
                    assert found == pytest.approx(jensen_shannon_distance(*pair) ** 2, abs=1e-5)


def test_failed_programs_stand_in_the_table_with_their_reason_and_nothing_else(
    texts: list[TextAttention], tmp_path: Path
) -> None:
    # Negative wherever the term holds, so it fails on texts of more than one token.
    broken = make_record(program("0 - 1 * text.self_token"), "broken", "search", "prefix_only", [], {})
    good = records()
    path = tmp_path / "scores.parquet"
    counts = write_scores(path, score_texts(texts, [good[0], broken, good[1]], RUNNER.outcomes, WORKERS))
    assert counts == {"negative": len(texts), "scored": 2 * len(texts)}
    table = read_scores(path, "test")
    assert (table.iou[:, 1] == 0).all()
    assert (table.sink_excluded_iou[:, 1] == 0).all()
    assert (table.divergence[:, 1] == 1).all()
    alone = scored(tmp_path / "alone.parquet", texts, good)
    np.testing.assert_array_equal(table.iou[:, [0, 2]], alone.iou[:, [0, 1]])


def test_a_text_on_which_every_program_fails_has_its_rows(texts: list[TextAttention], tmp_path: Path) -> None:
    broken = make_record(program("0 - 1 * text.self_token"), "broken", "search", "prefix_only", [], {})
    table = scored(tmp_path / "scores.parquet", texts, [broken])
    assert table.iou.shape == (3, 1, 12)
    assert not table.iou.any()


def test_equal_inputs_give_equal_bytes_whatever_the_number_of_threads(
    texts: list[TextAttention], tmp_path: Path
) -> None:
    for count in (1, 3):
        tables = score_texts(texts, records(), RUNNER.outcomes, Workers(count, 64, "cpu"))
        write_scores(tmp_path / f"{count}.parquet", tables)
    assert (tmp_path / "1.parquet").read_bytes() == (tmp_path / "3.parquet").read_bytes()


def test_a_tighter_bound_keeps_fewer_texts_and_programs_in_memory_and_gives_equal_bytes(
    texts: list[TextAttention], tmp_path: Path
) -> None:
    at_a_time: list[int] = []

    def counted(programs: Sequence[ProgramRecord], view: TokenView) -> list[Outcome]:
        at_a_time.append(len(programs))
        return RUNNER.outcomes(programs, view)

    broken = make_record(program("0 - 1 * text.self_token"), "broken", "search", "prefix_only", [], {})
    programs = [*records()[:2], broken, records()[2]]
    peaks, chunks = [], []
    for memory_mib in (64, 0.001):
        read = written = peak = 0

        def lazily() -> Iterator[TextAttention]:
            nonlocal read, peak
            for text in texts * 3:
                read += 1
                peak = max(peak, read - written)  # noqa: B023 - the loop runs it to its end
                yield text

        def counting(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
            nonlocal written
            for one in tables:
                yield one
                written += 1

        at_a_time.clear()
        tables = score_texts(lazily(), programs, counted, Workers(2, memory_mib, "cpu"))
        write_scores(tmp_path / f"{memory_mib}.parquet", counting(tables))
        peaks.append(peak)
        chunks.append(max(at_a_time))
    assert peaks == [4, 1]
    assert chunks == [4, 1]
    assert (tmp_path / "64.parquet").read_bytes() == (tmp_path / "0.001.parquet").read_bytes()


@pytest.mark.parametrize("memory_mib", [0.001, 12, 64])
def test_a_text_takes_about_the_memory_that_is_reckoned_and_no_more(memory_mib: float) -> None:
    tokens, heads = 120, 40
    entries = np.random.default_rng(0).random((heads, Packing(tokens, True).entries), dtype=np.float32) + 0.1
    ids = tuple(range(tokens))
    text = TextAttention(
        key="key", corpus="corpus", ids=ids, token_strings=tuple(f" w{token % 7}" for token in ids), entries=entries
    )
    workers, taken = Workers(1, memory_mib, "cpu"), 0
    for _ in range(2):  # machine code is loaded in the first round
        tracemalloc.start()
        list(score_texts([text], records() * 20, RUNNER.outcomes, workers))
        taken = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()

    assert taken + entries.nbytes < 1.1 * bytes_in_work(text, 60, workers)


def test_a_failure_half_way_leaves_the_old_table(texts: list[TextAttention], tmp_path: Path) -> None:
    path = tmp_path / "scores.parquet"
    write_text(path, "old")

    def interrupted() -> Iterator[pa.Table]:
        yield next(score_texts(texts, records(), RUNNER.outcomes, WORKERS))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_scores(path, interrupted())
    assert path.read_text(encoding="utf-8") == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["scores.parquet"]


def test_texts_of_a_corpus_are_found(texts: list[TextAttention], tmp_path: Path) -> None:
    table = scored(tmp_path / "scores.parquet", texts, records())
    assert table.in_corpus("all").tolist() == [0, 1, 2]
    assert table.in_corpus("a").tolist() == [0, 2]
    assert table.in_corpus("b").tolist() == [1]


def test_missing_scores_name_the_stage_to_run(texts: list[TextAttention], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"scores\.parquet does not exist; run `dvc repro score`"):
        read_scores(tmp_path / "scores.parquet", "test")
    with pytest.raises(UserError, match="has no scores of the split 'train'"):
        scored(tmp_path / "scores.parquet", texts, records(), "train")
