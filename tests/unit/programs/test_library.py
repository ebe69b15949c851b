"""The programs that ship: they load, run everywhere, say one sentence, and obey the prefix rule as recorded."""

from pathlib import Path

import numpy as np
import pytest

from attention_programs.config import SandboxSettings
from attention_programs.errors import UserError
from attention_programs.files import sha256_text
from attention_programs.models.token_style import TokenStyle
from attention_programs.programs.library import load_library, load_written_for, with_verdicts
from attention_programs.programs.prefix import PrefixTest, prefix_verdict
from attention_programs.programs.record import ProgramRecord, make_record
from attention_programs.programs.run_result import Scored
from attention_programs.programs.runner import TrustedRunner
from attention_programs.programs.runtime import SHIPPED, run
from attention_programs.programs.view import TokenView
from attention_programs.untrusted.execution import SandboxRunner
from cases import LONG, program, view_of
from conftest import ROOT, SENTENCES

FOLDERS = {"curated": Path("library/curated"), "baseline": Path("library/baselines")}
WRITTEN_FOR = Path("library/curated/smollm2-135m")
LENGTHS = (1, 2, 17, 130)
WORDS = [" ".join(SENTENCES)[i : i + 4] for i in range(0, 260, 2)]
TOKEN_STRINGS = [
    *LONG,
    "def",
    " f",
    "(",
    "x",
    "):",
    "\n",
    "    ",
    "return",
    " x",
    " +",
    " 7",
    "$",
    "\\",
    " the",
    '"',
    *WORDS,
]


def texts(length: int) -> list[TokenView]:
    rng = np.random.default_rng(length)
    return [view_of([TOKEN_STRINGS[i] for i in rng.integers(0, len(TOKEN_STRINGS), length)]) for _ in range(3)]


def everything() -> list[ProgramRecord]:
    general = [r for author, folder in FOLDERS.items() for r in load_library(ROOT, str(folder), author)]  # type: ignore[arg-type]
    written = load_written_for(ROOT, str(WRITTEN_FOR), "curated")
    return list(with_verdicts([*general, *written], TrustedRunner(), PrefixTest([view_of(LONG), *texts(40)])))


def test_what_ships() -> None:
    records = everything()
    curated = [r for r in records if r.author == "curated"]
    assert len([r for r in curated if not r.intended_heads]) >= 15
    assert len([r for r in curated if r.intended_heads]) >= 30
    names = {r.name for r in records if r.author == "baseline"}
    assert names == {"first_token", "self_token", "previous_token", "uniform", "random_token", "random_column"}
    assert len({r.id for r in records}) == len(records)
    assert len({r.description for r in records}) == len(records)
    assert [r.name for r in records if r.prefix_test == "looks_ahead"] == ["random_column"]


def test_each_docstring_says_one_sentence() -> None:
    for found in everything():
        assert found.description[0].isupper(), found.name
        assert found.description.endswith("."), found.name
        assert found.description.count(".") == 1, found.name
        assert 4 <= len(found.description.split()) <= 25, found.name


def test_each_says_where_it_came_from_and_runs_from_there() -> None:
    for found in everything():
        file = Path(found.provenance["file"])
        assert not file.is_absolute()
        if found.intended_heads:
            (head,) = found.intended_heads
            assert (file, found.name) == (WRITTEN_FOR / f"{head}.py", f"curated {head}")
            assert found.provenance["prompt"].startswith(f"--- user\nHead {head}, measured on training texts:")
            assert found.provenance["prompt_sha256"] == sha256_text(found.provenance["prompt"])
        else:
            assert file == FOLDERS[found.author] / f"{found.name}.py"
        assert (ROOT / file).read_text() == found.source
        found.compiled()


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("causal", [True, False])
def test_each_runs_on_every_text(length: int, causal: bool) -> None:
    for found in everything():
        compiled = found.compiled()
        for text in texts(length):
            outcome = run(compiled, TokenView(text.ids, text.token_strings, causal))
            assert isinstance(outcome, Scored), (found.name, outcome)
            np.testing.assert_allclose(outcome.weights.sum(axis=1), 1, atol=1e-5)
            assert not causal or not np.triu(outcome.weights, 1).any()


@pytest.mark.parametrize("length", LENGTHS)
def test_each_obeys_the_prefix_rule_as_recorded(length: int) -> None:
    for found in everything():
        if found.prefix_test == "prefix_only":
            assert prefix_verdict(found.compiled(), texts(length)) == "prefix_only", found.name


def test_random_baselines_are_the_same_in_every_run_and_differ_between_texts() -> None:
    rng = np.random.default_rng(0)
    ids, others = rng.integers(0, 1000, 40).tolist(), rng.integers(0, 1000, 40).tolist()
    for name in ("random_token", "random_column"):
        compiled = next(r for r in everything() if r.name == name).compiled()
        patterns = [run(compiled, TokenView(i, [" x"] * 40)) for i in (ids, ids, others)]
        weights = [m.weights for m in patterns if isinstance(m, Scored)]
        assert len(weights) == 3
        np.testing.assert_array_equal(weights[0], weights[1])
        assert not np.array_equal(weights[0], weights[2])
        assert set(np.unique(weights[0])) == {0.0, 1.0}


def test_random_token_reaches_every_token_so_far() -> None:
    compiled = next(r for r in everything() if r.name == "random_token").compiled()
    picked = set()
    for seed in range(200):
        ids = np.random.default_rng(seed).integers(0, 1000, 4).tolist()
        outcome = run(compiled, TokenView(ids, [" x"] * 4))
        assert isinstance(outcome, Scored)
        picked.add(int(outcome.weights[3].argmax()))
    assert picked == {0, 1, 2, 3}


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has no programs.*params\.yaml"):
        load_library(tmp_path, ".", "curated")


def test_what_ships_is_trusted_by_its_content_alone() -> None:
    """All of it; a file that was edited where it lies is not, and the list of trusted ids holds nothing else."""
    free = [found for found in everything() if not found.parsed().speaks_vocabulary_only]
    assert {found.id for found in free} == SHIPPED, "write the ids of the free programs in library/ into SHIPPED"
    for found in free:
        elsewhere = make_record(
            found.source + "# mine\n", "mine", "imported", "prefix_only", [], {"file": "/tmp/mine.py"}
        )
        assert elsewhere.trusted
        edited = make_record(
            found.source.replace("return ", "return 1 * "),
            found.name,
            found.author,
            "prefix_only",
            [],
            found.provenance,
        )
        assert not edited.trusted
        with pytest.raises(UserError, match="free Python"):
            edited.compiled()


def test_an_edited_program_of_the_library_runs_in_the_sandbox(tmp_path: Path) -> None:
    """Where nobody may run it, its file is named and nothing of it is executed."""
    (tmp_path / "random_token.py").write_text(program("text.n + open('executed', 'w')", "Looks around."))
    test = PrefixTest(texts(5))
    [edited] = load_library(tmp_path, ".", "baseline")
    with pytest.raises(UserError, match="runs only in the sandbox"):
        list(with_verdicts([edited], TrustedRunner(), test))
    with (
        SandboxRunner(SandboxSettings(), 1, TokenStyle("byte-level")) as runner,
        pytest.raises(UserError, match=r"random_token\.py: "),
    ):
        list(with_verdicts([edited], runner, test))


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (program("text.previos_token"), r"bad\.py: exception on a text of 5 tokens.*did you mean text.previous_token"),
        (program("text.key.comma"), r"bad\.py: wrong shape"),
        (program("text.uniform if text.n < 5 else -text.uniform"), r"bad\.py: negative on a text of 5 tokens"),
        ("def program(text):\n    return text.uniform\n", "no docstring"),
        ("def program(text) return 1", r"bad\.py, line 1: not valid Python"),
        ("import numpy\n" + program("text.uniform"), r"bad\.py, line 1: only 'program' may stand here"),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, source: str, words: str) -> None:
    (tmp_path / "bad.py").write_text(source)
    (tmp_path / "good.py").write_text(program("text.uniform"))
    sandbox = SandboxRunner(SandboxSettings(), 1, TokenStyle("byte-level"))
    with sandbox as runner, pytest.raises(UserError, match=words):
        list(with_verdicts(load_library(tmp_path, ".", "curated"), runner, PrefixTest(texts(5))))


def test_a_program_for_a_head_needs_the_prompt_it_was_written_from(tmp_path: Path) -> None:
    assert load_written_for(tmp_path, "nothing", "curated") == []
    (tmp_path / "L2H4.py").write_text(program("text.uniform"))
    with pytest.raises(UserError, match=r"L2H4\.md does not exist; write it with `attention-programs prompt L2H4 >"):
        load_written_for(tmp_path, ".", "curated")
    (tmp_path / "L2H4.md").write_text("What it does")
    [found] = load_written_for(tmp_path, ".", "curated")
    assert (found.name, found.intended_heads, found.provenance["prompt"]) == ("curated L2H4", ["L2H4"], "What it does")
    (tmp_path / "comma.py").write_text(program("text.uniform"))
    with pytest.raises(UserError, match=r"comma\.py.*'comma'.*general-purpose programs"):
        load_written_for(tmp_path, ".", "curated")
