"""Programs of any origin run where they may; what is finished is kept; candidates are taken in or refused by reason."""

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from attention_programs.attention.writing import extract_to_folder
from attention_programs.config import AttentionSettings, SandboxSettings, load_config
from attention_programs.corpora.text import Text, text_key
from attention_programs.errors import UserError
from attention_programs.llm.collect_programs import collect_programs
from attention_programs.models.token_style import TokenStyle
from attention_programs.paths import Paths
from attention_programs.programs.prefix import PrefixTest
from attention_programs.programs.record import ProgramRecord, write_programs
from attention_programs.programs.run_result import Reason, Rejected, Scored
from attention_programs.programs.runner import NOT_USED
from attention_programs.untrusted.execution import SandboxRunner
from attention_programs.untrusted.sandbox.layers import Level
from attention_programs.untrusted.vetting import Candidate, Vetting, read_candidates, vet, write_candidates
from builders import program_record
from cases import FAILING, GOOD, LONG, TEXT, program, view_of
from conftest import ROOT, SENTENCES, tiny_model

SETTINGS = SandboxSettings(text_seconds=0.5, program_seconds=5.0)
STYLE = TokenStyle("byte-level")
VIEWS = [view_of(TEXT), view_of(LONG)]
VOCABULARY = program_record("text.previous_token")


def untrusted(expression: str, name: str = "foreign") -> ProgramRecord:
    return program_record(expression, name, "imported")


FREE = [untrusted(f"np.eye(text.n) + {k} * text.uniform", f"free {k}") for k in range(6)]


@pytest.fixture(scope="module")
def runner() -> Iterator[SandboxRunner]:
    with SandboxRunner(SETTINGS, 2, STYLE) as made:
        yield made


def candidate(source: str, name: str = "candidate") -> Candidate:
    return Candidate(name, source, "Does it.", "imported", "view", "program", [], {"file": "a.py"})


def test_trusted_programs_start_no_sandbox() -> None:
    with SandboxRunner(SETTINGS, 1, STYLE) as made:
        outcomes = made.outcomes([VOCABULARY], VIEWS[0])
        assert isinstance(outcomes[0], Scored)
        assert (made.level, made.is_untrusted(VOCABULARY)) == (NOT_USED, False)


def test_mixed_programs_come_back_in_their_order(runner: SandboxRunner) -> None:
    programs = [FREE[0], VOCABULARY, FREE[1], VOCABULARY]
    found = [ran.outcomes for ran in runner.run_all(programs, VIEWS)]
    alone = [next(iter(runner.run_all([one], VIEWS))).outcomes for one in programs]
    for one, two in zip(found, alone, strict=True):
        for first, second in zip(one, two, strict=True):
            assert isinstance(first, Scored)
            assert isinstance(second, Scored)
            np.testing.assert_array_equal(first.weights, second.weights)
    assert runner.level == Level.STRONG


def test_an_altered_author_does_not_make_a_program_trusted(runner: SandboxRunner) -> None:
    assert runner.is_untrusted(replace(FREE[2], author="curated", provenance={"file": "library/curated/none.py"}))


def test_finished_outcomes_are_read_back_and_removed(runner: SandboxRunner, tmp_path: Path) -> None:
    views = [view_of(LONG[: 2 + number]) for number in range(11)]
    bad = untrusted("1 / 0 if text.n == 5 else text.uniform", "bad")
    finished = runner.finish([VOCABULARY, FREE[0], bad], views, tmp_path / "kept")
    for view in views:
        for one in (FREE[0], bad, VOCABULARY):
            (now,), (kept,) = runner.outcomes([one], view), finished.outcomes([one], view)
            assert type(now) is type(kept)
            if isinstance(now, Scored) and isinstance(kept, Scored):
                np.testing.assert_array_equal(now.weights, kept.weights)
    (failed,) = finished.outcomes([bad], views[3])
    assert isinstance(failed, Rejected)
    assert failed.reason is Reason.EXCEPTION
    assert "division by zero (line 3" in failed.message
    finished.remove()
    assert not (tmp_path / "kept").exists()


def test_the_time_is_said_by_programs_from_everywhere_in_the_list(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    many = [untrusted(f"np.eye(text.n) + {k}", f"many {k}") for k in range(20)]
    with SandboxRunner(SETTINGS, 2, STYLE) as made:
        finished = made.finish(many, VIEWS, tmp_path)
        assert (
            "programs in the sandbox, 2 texts: about 1 s for all 20 programs, from the first 8"
            in capfd.readouterr().err
        )
        for one, alone in zip(finished.outcomes(many, VIEWS[1]), made.outcomes(many, VIEWS[1]), strict=True):
            assert isinstance(one, Scored)
            assert isinstance(alone, Scored)
            np.testing.assert_array_equal(one.weights, alone.weights)


def test_a_bound_on_results_divides_the_texts(tmp_path: Path) -> None:
    views = [view_of(tuple(" a" for _ in range(400)))] * 3  # more than 1 MiB for two of them
    with SandboxRunner(replace(SETTINGS, shared_mib=1), 1, STYLE) as made:
        finished = made.finish([FREE[0]], views, tmp_path)
        assert len(list(tmp_path.glob("*/*.arrow"))) == 1  # equal blocks share a file
        assert all(isinstance(finished.outcomes([FREE[0]], view)[0], Scored) for view in views)


SCRIPT = """
import sys
sys.path.insert(0, "tests")
from integration.untrusted.test_execution import *
slow = [untrusted(f"np.eye(text.n) + {k} * text.uniform + 0 * sum(range(4_000_000))", f"slow {k}") for k in range(6)]
with SandboxRunner(SETTINGS, 2, STYLE) as made:
    made.finish(slow, VIEWS, Path(sys.argv[1]))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.slow
def test_a_killed_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    kept, command = tmp_path / "kept", [sys.executable, "-c", textwrap.dedent(SCRIPT), str(tmp_path / "kept")]
    first = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 60
    while len(done := {file: file.stat().st_mtime_ns for file in kept.glob("*/*.arrow")}) < 2:
        assert time.monotonic() < end
        assert first.poll() is None, "it was done before it could be killed"
        time.sleep(0.01)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    done = {file: file.stat().st_mtime_ns for file in kept.glob("*/*.arrow")}
    subprocess.run(command, stderr=subprocess.DEVNULL, check=True)
    files = list(kept.glob("*/*.arrow"))
    assert len(files) == 6 > len(done) >= 2
    assert all(file.stat().st_mtime_ns == when for file, when in done.items())
    again = tmp_path / "again"
    subprocess.run([*command[:3], str(again)], stderr=subprocess.DEVNULL, check=True)
    assert {f.name: f.read_bytes() for f in files} == {f.name: f.read_bytes() for f in again.glob("*/*.arrow")}


# --- admission --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def vetting(runner: SandboxRunner) -> Vetting:
    cases = [candidate(case.source, case.name) for case in (*GOOD, *FAILING)]
    return vet(cases, runner, PrefixTest(VIEWS))


def test_good_programs_are_taken_in_with_their_verdict(vetting: Vetting) -> None:
    verdicts = {case.name: case.prefix_test for case in GOOD}
    assert {program.name: program.prefix_test for program in vetting.accepted} == verdicts
    assert all(program.provenance == {"file": "a.py"} for program in vetting.accepted)


def test_failing_programs_are_refused_and_counted(vetting: Vetting) -> None:
    assert {rejection.candidate.name for rejection in vetting.rejected} == {case.name for case in FAILING}
    assert sum(vetting.counts.values()) == len(FAILING) + sum(case.prefix_test != "prefix_only" for case in GOOD)
    assert set(vetting.counts) == {str(reason) for reason in Reason} - {"ruled out"}  # the scoring's to give
    reasons = {case.name: case.reason for case in FAILING}
    same = [rejection for rejection in vetting.rejected if rejection.reason == reasons[rejection.candidate.name]]
    assert len(same) > len(FAILING) / 2  # the others are stopped by the screening before they run


def test_sets_and_chance(runner: SandboxRunner) -> None:
    sets = candidate(program("text.uniform + text.first_token * (hash('a') % 7)"), "sets")
    chance = candidate(program("text.uniform + text.first_token * (id(text) % 99991)"), "chance")
    found = vet([sets, chance], runner, PrefixTest(VIEWS))
    assert [(p.name, p.set_order_matters) for p in found.accepted] == [("sets", True)]
    assert [(r.candidate.name, r.reason) for r in found.rejected] == [("chance", Reason.NOT_DETERMINISTIC)]


@pytest.mark.parametrize("source", ["def other(text):\n    return 1\n", "x = 1\n" + program("text.uniform")])
def test_a_source_that_is_no_program_is_refused(source: str, runner: SandboxRunner) -> None:
    (rejection,) = vet([candidate(source)], runner, PrefixTest(VIEWS)).rejected
    assert rejection.reason is Reason.SYNTAX
    assert rejection.to_json()["reason"] == "syntax"


def test_too_many_refusals_fail_with_the_counts(runner: SandboxRunner) -> None:
    found = vet([candidate(program("text.uniform")), candidate(program("1 / 0"))], runner, PrefixTest(VIEWS))
    found.require_share(0.5)
    with pytest.raises(
        UserError, match=r"1 of 2 candidates were rejected \(exception 1\), more than .*max_rejected = 0.4"
    ):
        found.require_share(0.4)
    Vetting([], []).require_share(0.0)


def test_candidates_survive_their_file(tmp_path: Path) -> None:
    cases = [candidate(case.source, case.name) for case in GOOD]
    write_candidates(tmp_path / "a.jsonl", cases)
    assert read_candidates(tmp_path) == cases
    assert read_candidates(tmp_path / "none") == []


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("{}", "row 1: not a candidate"),
        (json.dumps(asdict(replace(candidate(""), author="me"))), "author is 'me'; it must be one of search"),  # type: ignore[arg-type]
    ],
)
def test_a_row_that_is_no_candidate_is_named(row: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(row + "\n")
    with pytest.raises(UserError, match=message):
        read_candidates(tmp_path)


def test_too_many_refusals_fail_the_stage(tmp_path: Path) -> None:
    texts = [Text(text_key(s), "a", "train" if i else "validation", s) for i, s in enumerate(SENTENCES[:3])]
    extract_to_folder(tiny_model("llama"), texts, AttentionSettings(12, ("L0H0",)), tmp_path / "maps")
    write_candidates(tmp_path / "imported/a.jsonl", [candidate(program("1 / 0"))])
    write_programs(tmp_path / "found_programs.jsonl", [])
    config = load_config(ROOT / "params.yaml")
    chosen = replace(config.synthesis, imported="imported", max_rejected=0.9)
    config = replace(config, synthesis=chosen, explainer=replace(config.explainer, texts=2))
    paths = Paths(root=tmp_path, model=tmp_path, data=tmp_path, results=tmp_path, report=tmp_path)
    shutil.move(tmp_path / "maps", paths.attention)
    with pytest.raises(UserError, match=r"1 of 1 candidates were rejected \(exception 1\)"):
        collect_programs(config, paths)
