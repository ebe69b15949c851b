"""Compiled sums of terms equal the programs that they are compiled from, on whole texts and row by row."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attention_programs.models.head import Head
from attention_programs.models.loading import LoadedModel
from attention_programs.models.token_style import SpecialIds
from attention_programs.programs.code_generation import WeightedTerm, emit
from attention_programs.programs.features import candidate_features
from attention_programs.programs.parser import summed_terms
from attention_programs.programs.record import ProgramRecord, make_record
from attention_programs.programs.run_result import Scored
from attention_programs.programs.runtime import run
from attention_programs.programs.view import TokenView
from attention_programs.surrogate import compiled_programs
from attention_programs.surrogate.compiled_programs import CompiledPrograms, dense_softmax_of_terms
from attention_programs.surrogate.intervention import PatchedModel, pattern_cache
from builders import encoded, program_record

STRINGS = st.sampled_from([" the", " cat", ",", ".", "\n", " Tom", "s", " 7", "(", ")", ' "', " in", "<s>", " "])
TERMS = st.builds(
    WeightedTerm,
    st.sampled_from(candidate_features(causal=False)),
    st.floats(-6, 6, allow_nan=False).map(lambda factor: round(factor, 1)),
    st.just(1.0),
)
CPU = torch.device("cpu")


def sum_of(terms: list[WeightedTerm]) -> ProgramRecord:
    return make_record(emit(terms), "sum", "search", "prefix_only", [], {})


@given(
    st.lists(STRINGS, min_size=1, max_size=24), st.lists(st.lists(TERMS, min_size=1, max_size=8), min_size=1), st.data()
)
@settings(deadline=None, max_examples=60)
def test_compiled_programs_equal_the_programs(
    strings: list[str], sums: list[list[WeightedTerm]], data: st.DataObject
) -> None:
    causal, start = data.draw(st.booleans()), data.draw(st.integers(0, len(strings) - 1))
    view = TokenView([ord(s[-1]) for s in strings], strings, causal, SpecialIds((ord(">"),), ()))
    programs = [sum_of(terms) for terms in sums]
    compiled = CompiledPrograms([summed_terms(program) for program in programs], CPU)
    text = compiled.terms_of(view, start)
    found = compiled.weights(text, slice(None))
    dense = dense_softmax_of_terms(text, compiled._coefficients, compiled._numbers)
    for number, program in enumerate(programs):
        outcome = run(program.compiled(), view)
        assert isinstance(outcome, Scored)
        np.testing.assert_allclose(found[number], outcome.weights[start:], atol=1e-5)
        np.testing.assert_allclose(dense[number], outcome.weights[start:], atol=1e-5)


def test_threads_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    programs = [program_record(f"text.softmax({k} * text.log_distance + text.key.comma)") for k in range(1, 9)]
    compiled = CompiledPrograms([summed_terms(program) for program in programs], CPU)
    text = compiled.terms_of(TokenView(range(30), [" a", ",", "b"] * 10))
    alone = compiled.weights(text, slice(2, 8))
    monkeypatch.setattr(compiled_programs, "SMALL", 0)
    assert torch.equal(compiled.weights(text, slice(2, 8)), alone)


def test_only_softmaxes_of_sums_are_compiled() -> None:
    assert len(summed_terms(program_record("text.softmax(2.0 * text.first_token)"))) == 1
    assert summed_terms(program_record("text.first_token")) == []


def test_layers_of_both_kinds_of_programs_give_what_each_gives(any_model: LoadedModel) -> None:
    """The patterns that a model reports are those of the programs, compiled or not, in every padding."""
    assignment = {
        Head(0, 0): program_record("text.softmax(2.0 * text.first_token - 0.5 * text.log_distance)"),
        Head(0, 2): program_record("text.previous_token"),
        Head(1, 1): program_record("text.softmax(1.5 * text.query.comma * text.self_token)"),
    }
    texts = encoded(any_model, 3)
    longest = max(map(len, texts))
    for left in (True, False):
        ids = torch.full((len(texts), longest), any_model.pad_id)
        mask = torch.zeros_like(ids)
        spans = [slice(longest - len(text), None) if left else slice(len(text)) for text in texts]
        for row, (text, span) in enumerate(zip(texts, spans, strict=True)):
            ids[row, span], mask[row, span] = torch.tensor(text), 1
        with PatchedModel(any_model, assignment, pattern_cache(any_model)) as patched, torch.inference_mode():
            layers = patched.model(input_ids=ids, attention_mask=mask, output_attentions=True).attentions
        for head, program in assignment.items():
            for row, (text, span) in enumerate(zip(texts, spans, strict=True)):
                outcome = run(program.compiled(), TokenView.of(any_model.sequence(text)))
                assert isinstance(outcome, Scored)
                np.testing.assert_allclose(layers[head.layer][row, head.index][span, span], outcome.weights, atol=1e-5)
