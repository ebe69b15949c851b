"""A library of the paper's form through the sandbox: the same maps as next to it, and a reason for each failure."""

from collections.abc import Iterator

import numpy as np
import pytest

from attention_programs.config import SandboxSettings
from attention_programs.programs.run_result import Outcome, Reason, Rejected, Scored, check
from attention_programs.untrusted.sandbox.fork_server import SandboxText
from attention_programs.untrusted.sandbox.pool import Ran, Sandbox, UntrustedProgram
from paper_texts import library, parsed_texts, run_beside

PROGRAMS = library().programs
TEXTS = parsed_texts()
FAILURES = {
    "always_fails_L2H0": (Reason.EXCEPTION, "KeyError: 'no such token' (line "),
    "similar_embeddings_L5H1": (
        Reason.MISSING_HELPER,
        "the file lacks helper embedding_similarity; add it with --helpers FILE",
    ),
    "wrong_shape_L2H2": (Reason.WRONG_SHAPE, "shape "),
    "not_a_number_L2H3": (Reason.NOT_FINITE, "undefined"),
    "negative_weight_L3H0": (Reason.NEGATIVE, "negative weight"),
}


@pytest.fixture(scope="module")
def results() -> Iterator[dict[str, Ran]]:
    with Sandbox(SandboxSettings(), 2) as sandbox:
        sandbox.load([SandboxText(text.ids, text.token_strings, text) for text in TEXTS], causal=True)
        programs = [UntrustedProgram(program.source, program.entry, "paper") for program in PROGRAMS]
        yield dict(zip((program.entry for program in PROGRAMS), sandbox.run_all(programs), strict=True))


def expected_of(entry: str, number: int) -> Outcome:
    np.random.seed(0)
    program = next(program for program in PROGRAMS if program.entry == entry)
    return check(run_beside(program.source, entry, TEXTS[number]), len(TEXTS[number].ids), causal=True)


def test_the_library_is_large_enough_to_mean_something() -> None:
    assert len(PROGRAMS) >= 20
    assert sum(program.uses_spacy for program in PROGRAMS) >= 4
    assert len(FAILURES.keys() & {program.entry for program in PROGRAMS}) == len(FAILURES)


@pytest.mark.parametrize("entry", [program.entry for program in PROGRAMS if program.entry not in FAILURES])
def test_a_program_gives_the_same_bytes_in_the_sandbox_as_beside_it(entry: str, results: dict[str, Ran]) -> None:
    assert not results[entry].set_order_matters
    for number, outcome in enumerate(results[entry].outcomes):
        expected = expected_of(entry, number)
        assert isinstance(outcome, Scored), outcome
        assert isinstance(expected, Scored)
        assert outcome.weights.tobytes() == expected.weights.tobytes()


@pytest.mark.parametrize("entry", FAILURES)
def test_a_failing_program_has_its_reason_and_line(entry: str, results: dict[str, Ran]) -> None:
    reason, words = FAILURES[entry]
    for outcome in results[entry].outcomes:
        assert isinstance(outcome, Rejected)
        assert outcome.reason is reason
        assert words in outcome.message


GAPS = {
    "return spacy.load('any')(sentence)[0].vector": (
        Reason.NOT_IN_STUB,
        "the stub of a spaCy token has no 'vector' (l",
    ),
    "return spacy.explain('NOUN')": (Reason.NOT_IN_STUB, "the stub of the module spacy has no 'explain' (line 3: "),
    "from helpers import align": (Reason.MISSING_HELPER, "the file lacks helper align; add it with --helpers FILE"),
    "return helpers.align(sentence)": (Reason.MISSING_HELPER, "the file lacks helper align;"),
    "return align(sentence)": (Reason.MISSING_HELPER, "the file lacks helper align;"),
    "from spacy import explain": (Reason.IMPORT, "cannot import name 'explain' from 'spacy'"),
    "raise NameError('mine')": (Reason.EXCEPTION, "NameError: mine (line 3"),
    "return undefined if 0 else local; local = 1": (Reason.EXCEPTION, "UnboundLocalError: "),
    "return sentence.vector": (Reason.EXCEPTION, "AttributeError: 'str' object has no attribute 'vector'"),
}


def test_what_a_stub_or_the_file_lacks_is_a_reason_of_its_own() -> None:
    start = "import spacy, helpers\ndef f(sentence, tokenizer):\n    "
    with Sandbox(SandboxSettings(), 1) as sandbox:
        sandbox.load([SandboxText(text.ids, text.token_strings, text) for text in TEXTS[:1]], causal=True)
        found = sandbox.run_all(UntrustedProgram(start + body + "\n", "f", "paper") for body in GAPS)
        for ran, (reason, words) in zip(found, GAPS.values(), strict=True):
            [outcome] = ran.outcomes
            assert isinstance(outcome, Rejected)
            assert (outcome.reason, words in outcome.message) == (reason, True), outcome
