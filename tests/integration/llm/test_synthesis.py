"""The rounds of the explainer on a tiny model, with replies that are written down here."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from attention_programs.attention.pattern_store import AttentionIndex, TextAttention, read_index, read_patterns
from attention_programs.attention.writing import extract_to_folder
from attention_programs.config import AttentionSettings, ExplainerSettings, SandboxSettings
from attention_programs.corpora.text import Text, text_key
from attention_programs.errors import UserError
from attention_programs.files import write_jsonl
from attention_programs.llm.backends import ReplayBackend, Replies
from attention_programs.llm.call_log import Call, CallLog, Request
from attention_programs.llm.completions import Usage
from attention_programs.llm.evaluator import Evaluator
from attention_programs.llm.prompts import PromptWriter, template_hashes, templates
from attention_programs.llm.session import Session, requested_heads
from attention_programs.llm.synthesis import Explainer
from attention_programs.llm.synthesis_summary import SynthesisResult, explained
from attention_programs.llm.tokens import estimate_tokens, token_counter
from attention_programs.llm.trying import try_program
from attention_programs.programs.prefix import PrefixTest
from attention_programs.programs.record import make_record
from attention_programs.programs.view import TokenView
from attention_programs.sparse_search.training_texts import choose_texts
from attention_programs.untrusted.execution import SandboxRunner
from conftest import SENTENCES, tiny_model

SETTINGS = ExplainerSettings(model="m", texts=6, fit_texts=3, fit_evaluations=30, excerpts=2)
GOOD = '```python\ndef program(text):\n    """Even."""\n    return 0.1 * text.first_token + text.uniform\n```'
BAD = '```python\ndef program(text):\n    """Rests."""\n    return text.first_token\n```'
BROKEN = '```python\ndef program(text):\n    """Fails."""\n    return text.nothing_such\n```'
LOOSE = '```python\ndef program(text):\n    """Free."""\n    return np.eye(text.n) * 0.5 + text.uniform\n```'


@pytest.fixture(scope="module")
def patterns(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("explainer") / "maps"
    texts = [
        Text(text_key(f"{i} {sentence}"), name, "train" if i < 4 else "test", f"{i} {sentence}")
        for name, sentences in (("a", SENTENCES[:2]), ("b", SENTENCES[2:4]))
        for sentence in sentences
        for i in range(5)
    ]
    extract_to_folder(tiny_model("llama"), texts, AttentionSettings(16, "all"), folder)
    return folder


@pytest.fixture(scope="module")
def index(patterns: Path) -> AttentionIndex:
    return read_index(patterns)


@pytest.fixture(scope="module")
def train(patterns: Path) -> list[TextAttention]:
    return list(read_patterns(patterns, ["train"]))


@pytest.fixture(scope="module")
def runner(index: AttentionIndex) -> Iterator[SandboxRunner]:
    with SandboxRunner(SandboxSettings(), 1, index.token_style) as made:
        yield made


def explainer(
    index: AttentionIndex, train: Sequence[TextAttention], runner: SandboxRunner, settings: ExplainerSettings = SETTINGS
) -> Explainer:
    evaluator = Evaluator(choose_texts(train, settings.texts), index.heads, runner)
    views = [TokenView(text.ids, text.token_strings, index.causal) for text in train[:2]]
    found_programs = [
        make_record(
            'def program(text):\n    """Rests."""\n    return text.softmax(3.0 * text.first_token)\n',
            "search L0H0", "search", "prefix_only", ["L0H0"], {},
        ),
        make_record(
            'def program(text):\n    """Is a baseline."""\n    return text.first_token\n',
            "sink_self_100", "baseline", "prefix_only", ["L0H0"], {},
        ),
    ]  # fmt: skip
    return Explainer(settings, index, evaluator, runner, PrefixTest(views), found_programs)


class Scripted:
    """Answers by round; keeps what it was asked."""

    def __init__(self, *rounds: str) -> None:
        self.rounds = rounds
        self.asked: list[Request] = []

    def replies(self, requests: Sequence[Request]) -> Replies:
        self.asked += requests
        return Replies(
            {
                r.head: Call(
                    r.key, "answered", r, self.rounds[r.round], "stop", Usage(100, 10), served_by={"model": "m"}
                )
                for r in requests
            },
            prompts_reproduced_verbatim=len(requests),
        )


@pytest.fixture
def synthesis(index: AttentionIndex, train: list[TextAttention], runner: SandboxRunner) -> SynthesisResult:
    return explainer(index, train, runner).run(["L0H0", "L1H1"], Scripted(BAD, GOOD))


def test_a_better_revision_is_kept_and_its_coefficients_are_fitted(synthesis: SynthesisResult) -> None:
    for head_result in synthesis.head_results.values():
        assert head_result.kept_revision
        assert head_result.best is not None
        assert head_result.best.record.description == "Even."
        assert head_result.best.record.provenance["parent"] == head_result.written[0].record.id
        assert head_result.coefficients is not None
        assert head_result.coefficients.after >= head_result.coefficients.before
        if head_result.fitted is not None:
            assert head_result.fitted.provenance["parent"] == head_result.best.record.id
            assert (
                head_result.fitted.provenance["coefficients"]["iou_after"]
                > head_result.fitted.provenance["coefficients"]["iou_before"]
            )


def test_a_worse_revision_is_not_kept(index: AttentionIndex, train: list[TextAttention], runner: SandboxRunner) -> None:
    synthesis = explainer(index, train, runner).run(["L0H0"], Scripted(GOOD, BAD))
    (head_result,) = synthesis.head_results.values()
    assert not head_result.kept_revision
    assert head_result.best is not None
    assert head_result.best.round == 0
    assert len(head_result.written) == 2  # both go to the table


def test_a_revision_must_be_better_on_texts_that_no_prompt_shows(
    index: AttentionIndex, train: list[TextAttention], runner: SandboxRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A revision that is nearer on shown texts alone is not kept."""
    asking = explainer(index, train, runner)
    real = Evaluator.fits

    def fits(self: Evaluator, programs, heads):
        found = real(self, programs, heads)
        return [
            replace(fit, distances=np.where(np.arange(len(fit.distances)) < fit.shown, 0.0, 0.9))
            if program.description == "Even."
            else fit
            for program, fit in zip(programs, found, strict=True)
        ]

    monkeypatch.setattr(Evaluator, "fits", fits)
    (head_result,) = asking.run(["L0H0"], Scripted(BAD, GOOD)).head_results.values()
    assert head_result.best is not None
    assert head_result.best.record.description == "Rests."


def test_failures_are_told_to_the_model(
    index: AttentionIndex, train: list[TextAttention], runner: SandboxRunner
) -> None:
    scripted = Scripted(BROKEN, LOOSE)
    synthesis = explainer(index, train, runner).run(["L0H0"], scripted)
    (head_result,) = synthesis.head_results.values()
    asked = scripted.asked[1].messages[-1]["content"]
    assert "No program of yours for head L0H0 could be used" in asked
    assert "the vocabulary has no pattern 'nothing_such'" in asked
    assert head_result.best is not None
    assert not head_result.best.record.trusted  # free NumPy, tried in the sandbox
    outcome = explained(synthesis, elsewhere=())
    assert outcome.metrics["rejected"] == {"exception": 1}
    assert outcome.metrics["candidates"] == 2
    (rejected,) = outcome.rejected
    assert rejected["author"] == "llm"


@pytest.mark.parametrize("place", ['"""Rests \\ud83d"""', '"""Rests."""; x = "\\udc00"'])
def test_half_a_character_in_a_program_is_refused_by_name_and_the_others_go_on(
    place: str, index: AttentionIndex, train: list[TextAttention], runner: SandboxRunner, tmp_path: Path
) -> None:
    half = f"```python\ndef program(text):\n    {place}\n    return text.first_token\n```\n{GOOD}"
    scripted = Scripted(half, GOOD)
    synthesis = explainer(index, train, runner).run(["L0H0"], scripted)
    outcome = explained(synthesis, elsewhere=())
    (rejected,) = outcome.rejected
    assert (rejected["reason"], "half a character" in rejected["message"]) == ("syntax", True)
    assert "Even." in {program.description for program in outcome.programs}
    write_jsonl(tmp_path / "rejected.jsonl", outcome.rejected)
    assert scripted.asked[1].key


def test_prompts_show_training_texts_alone_and_keep_to_the_limit(
    index: AttentionIndex, train: list[TextAttention], runner: SandboxRunner, patterns: Path
) -> None:
    scripted = Scripted(GOOD, BAD)
    explainer(index, train, runner).run(list(index.heads[:3]), scripted)
    tests = {"".join(text.token_strings) for text in read_patterns(patterns, ["test"])}
    for request in scripted.asked:
        said = "\n".join(message["content"] for message in request.messages)
        assert estimate_tokens(said) <= SETTINGS.prompt_tokens
        assert not any(text in said for text in tests)
        assert set(request.templates) <= set(templates())
    first, second = scripted.asked[0].messages[-1]["content"], scripted.asked[3].messages[-1]["content"]
    assert re.search(r"The best program so far \(IoU 0\.\d\d\): Rests\.", first)  # the search's, no baseline
    assert "Best text" in second and "Worst text" in second  # noqa: PT018
    assert "0.1 * text.first_token + text.uniform" in second


def test_equal_programs_of_several_heads_are_one_record_with_every_call(synthesis: SynthesisResult) -> None:
    programs = explained(synthesis, elsewhere=()).programs
    rests = next(program for program in programs if program.description == "Rests.")
    assert rests.intended_heads == ["L0H0", "L1H1"]
    assert list(rests.provenance["calls"]) == ["L0H0", "L1H1"]
    assert explained(synthesis, elsewhere={rests.id}).metrics["programs_known_elsewhere"] == 1
    assert rests.id not in {program.id for program in explained(synthesis, elsewhere={rests.id}).programs}


def test_a_replay_gives_the_same_programs(
    index: AttentionIndex, train: list[TextAttention], runner: SandboxRunner, synthesis: SynthesisResult
) -> None:
    log = CallLog(call for head_result in synthesis.head_results.values() for call in head_result.calls)
    again = explainer(index, train, runner).run(["L0H0", "L1H1"], ReplayBackend(log, "here"))
    assert again.prompts_reproduced_verbatim == again.prompts == 4
    first, second = explained(synthesis, elsewhere=()), explained(again, elsewhere=())
    assert first.programs == second.programs
    assert first.metrics == second.metrics
    assert first.heads.equals(second.heads)


def test_a_replay_with_other_texts_keeps_the_recorded_replies(
    index: AttentionIndex, train: list[TextAttention], runner: SandboxRunner, synthesis: SynthesisResult
) -> None:
    log = CallLog(call for head_result in synthesis.head_results.values() for call in head_result.calls)
    other = explainer(index, train, runner, replace(SETTINGS, texts=4)).run(["L0H0"], ReplayBackend(log, "here"))
    assert (other.prompts, other.prompts_reproduced_verbatim) == (2, 0)
    with pytest.raises(UserError, match="here has no reply of 'm' for head L0H2, round 0"):
        explainer(index, train, runner).run(["L0H2"], ReplayBackend(log, "here"))


def test_a_prompt_that_can_not_fit_is_an_error(
    index: AttentionIndex, train: list[TextAttention], runner: SandboxRunner
) -> None:
    with pytest.raises(UserError, match=r"head L0H0 needs \d+ tokens; raise explainer.prompt_tokens"):
        explainer(index, train, runner, replace(SETTINGS, prompt_tokens=500)).first_prompt("L0H0")


def test_the_papers_form_asks_for_its_functions(
    index: AttentionIndex, train: list[TextAttention], runner: SandboxRunner
) -> None:
    source = (
        '```python\nimport numpy as np\n\ndef even(sentence, tokenizer):\n    """Even."""\n'
        '    n = len(tokenizer(sentence)["input_ids"])\n    return "even", np.tril(np.ones((n, n)))\n```'
    )
    scripted = Scripted(source, source)
    synthesis = explainer(index, train, runner, replace(SETTINGS, format="paper")).run(["L0H0"], scripted)
    (head_result,) = synthesis.head_results.values()
    assert "sentence, tokenizer" in scripted.asked[0].messages[0]["content"]
    assert len(scripted.asked[0].messages) == 2
    assert head_result.best is not None
    assert (head_result.best.record.format, head_result.best.record.entry) == ("paper", "even")
    assert synthesis.repeated == 1


def test_heads_to_ask_about(index: AttentionIndex) -> None:
    assert requested_heads(replace(SETTINGS, heads="all"), index) == list(index.heads)
    assert requested_heads(replace(SETTINGS, heads="every 2"), index) == list(index.heads[::2])
    assert requested_heads(replace(SETTINGS, heads=("L1H1", "L0H0")), index) == ["L0H0", "L1H1"]
    with pytest.raises(UserError, match=r"head L99H0 of explainer\.heads is not one of the 12 selected heads"):
        requested_heads(replace(SETTINGS, heads="L99H0"), index)


def test_tokens_are_counted_with_a_tokenizer_where_it_is_known(tmp_path: Path) -> None:
    llama = tiny_model("llama")
    llama.tokenizer.save_pretrained(tmp_path)
    assert token_counter(str(tmp_path))("The two frogs") == len(
        llama.tokenizer("The two frogs", add_special_tokens=False)["input_ids"]
    )
    assert token_counter("") is estimate_tokens
    with pytest.raises(UserError, match="is not a folder"):
        token_counter(str(tmp_path / "none"))


def test_templates_are_named_by_their_hash() -> None:
    assert template_hashes().keys() == templates().keys()
    assert all(len(digest) == 64 for digest in template_hashes().values())


def test_the_vocabulary_is_in_the_prompt() -> None:
    (rules, *examples) = PromptWriter("vocabulary", True, 2, 4000, estimate_tokens).opening
    assert "text.previous_token: The token one back." in rules["content"]
    assert "next_token" not in rules["content"]  # looks ahead
    assert [message["role"] for message in examples] == ["user", "assistant"] * 2
    encoder = PromptWriter("vocabulary", False, 2, 4000, estimate_tokens).opening[0]["content"]
    assert "text.next_token" in encoder


def test_a_program_by_hand_is_tried_next_to_the_searchs(
    index: AttentionIndex, train: list[TextAttention], runner: SandboxRunner, tmp_path: Path
) -> None:
    file = tmp_path / "mine.py"
    views = [TokenView(text.ids, text.token_strings, index.causal) for text in train[:2]]
    session = Session(index, runner, PrefixTest(views), explainer(index, train, runner))
    file.write_text('def program(text):\n    """Free Python."""\n    return np.tril(np.ones((text.n, text.n)))\n')
    tried = try_program(session, file, "L0H0", 0)
    even = 'def program(text):\n    """Even."""\n    return 1.0 * text.uniform + 0.0 * text.first_token\n'
    file.write_text(even)
    fitted = try_program(session, file, "L0H0", 40)
    assert (tried.prefix_test, tried.coefficients) == ("prefix_only", None)
    np.testing.assert_allclose(tried.fits["mine.py"].ious, fitted.fits["mine.py"].ious, atol=1e-6)
    assert fitted.fits["search"].iou != fitted.fits["mine.py"].iou
    assert fitted.coefficients is not None
    assert fitted.coefficients.after > fitted.coefficients.before
    assert fitted.coefficients.evaluations <= 40
    lines = fitted.table().splitlines()
    assert [line.split()[0] for line in lines[1:3]] == ["mine.py", "search"]
    assert lines[-1] == fitted.coefficients.source.splitlines()[-1]


def test_a_program_by_hand_that_fails_or_looks_ahead_is_reported(
    index: AttentionIndex, train: list[TextAttention], runner: SandboxRunner, tmp_path: Path
) -> None:
    file = tmp_path / "mine.py"
    views = [TokenView(train[0].ids, train[0].token_strings, index.causal)]
    session = Session(index, runner, PrefixTest(views), explainer(index, train, runner))
    file.write_text('def program(text):\n    """Fails."""\n    return text.nothing\n')
    with pytest.raises(UserError, match=r"mine\.py: exception: .*no pattern 'nothing'.*; fix it"):
        try_program(session, file, "L0H0", 0)
    file.write_text(
        'def program(text):\n    """Looks ahead."""\n    return text.n * text.uniform + text.n % 7 * text.self_token\n'
    )
    assert "looks ahead" in try_program(session, file, "L0H0", 0).table()
    with pytest.raises(UserError, match="no program for head L1H1"):
        try_program(session, file, "L1H1", 0)
