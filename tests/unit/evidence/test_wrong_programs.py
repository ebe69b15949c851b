"""Wrong programs are wrong: none behaves as the head's own, and each condition holds what it says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attention_programs.evidence.conditions import CONDITIONS, DRAWN
from attention_programs.evidence.library import Library
from attention_programs.evidence.wrong_programs import MATCHED, draw
from attention_programs.models.head import all_heads
from builders import program_record

LAYERS, HEADS = 3, 4
PERMUTED = ("permuted_within_layer", "permuted_over_model")


def library(seed: int = 0, alike: float = 0.1) -> Library:
    """Twenty programs of three categories for twelve heads; a share of pairs behaves alike."""
    generator = np.random.default_rng(seed)
    programs = [program_record(f"text.offset({number + 2})", f"p{number}") for number in range(20)]
    similarity = np.where(generator.random((20, 20)) < alike, 0.95, 0.3)
    similarity = np.maximum(similarity, similarity.T)
    np.fill_diagonal(similarity, 1)
    heads = all_heads(LAYERS, HEADS)
    categories = [("sink", "position", "tokens")[number % 3] for number in range(20)]
    own = generator.permutation(20)[: len(heads)]
    return Library(programs, categories, similarity, heads, own, generator.uniform(0.4, 0.5, (20, len(heads))))


@pytest.mark.parametrize("condition", DRAWN)
@given(seed=st.integers(0, 2**20))
def test_no_head_gets_a_program_that_behaves_as_its_own_unless_that_is_said(condition: str, seed: int) -> None:
    given_library = library(seed)
    found = draw(condition, given_library, np.random.default_rng(seed))
    similarity = given_library.similarity[given_library.own, found.programs]
    kept = similarity >= 0.9
    assert (kept & ~found.excepted).sum() == 0
    if condition not in PERMUTED:
        assert not kept.any()


@pytest.mark.parametrize("condition", PERMUTED)
@given(seed=st.integers(0, 2**20))
def test_permutations_give_every_program_to_another_head(condition: str, seed: int) -> None:
    given_library = library(seed, alike=0.0)
    found = draw(condition, given_library, np.random.default_rng(seed))
    assert sorted(found.programs.tolist()) == sorted(given_library.own.tolist())
    assert not (found.programs == given_library.own).any()
    assert not found.excepted.any()
    if condition == "permuted_within_layer":
        for layer in range(LAYERS):
            members = slice(layer * HEADS, (layer + 1) * HEADS)
            assert set(found.programs[members].tolist()) == set(given_library.own[members].tolist())


def test_a_layer_whose_programs_behave_alike_is_excepted() -> None:
    given_library = library(alike=1.0)
    assert draw("permuted_within_layer", given_library, np.random.default_rng(0)).excepted.all()


def test_an_exception_gets_the_program_closest_in_iou_among_those_that_behave_otherwise() -> None:
    given_library = library(alike=0.0)
    given_library.categories[:] = ["sink"] * 20  # type: ignore[index]
    found = draw("other_category", given_library, np.random.default_rng(0))
    assert found.excepted.all()
    off = given_library.off_by()
    for head, (own, chosen) in enumerate(zip(given_library.own, found.programs, strict=True)):
        others = np.delete(np.arange(20), own)
        assert off[head, chosen] == off[head, others].min()


def test_conditions_hold_what_they_say() -> None:
    given_library = library()
    categories = np.array(given_library.categories)
    own = categories[given_library.own]
    for number in range(20):
        generator = np.random.default_rng(number)
        same = draw("same_category", given_library, generator)
        assert (categories[same.programs] == own)[~same.excepted].all()
        other = draw("other_category", given_library, generator)
        assert (categories[other.programs] != own)[~other.excepted].all()
        equal = draw("equal_iou", given_library, generator)
        heads = np.arange(len(own))
        off = given_library.iou[equal.programs, heads] - given_library.iou[given_library.own, heads]
        assert (np.abs(off) <= MATCHED)[~equal.excepted].all()


@pytest.mark.parametrize("condition", DRAWN)
def test_draws_follow_from_the_generator_and_differ(condition: str) -> None:
    given_library = library()
    first, again, other = (
        draw(condition, given_library, np.random.default_rng(seed)).programs.tolist() for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_every_program_that_is_allowed_is_drawn_equally_often() -> None:
    given_library = library(alike=0.0)
    generator = np.random.default_rng(0)
    drawn = np.array([draw("random_program", given_library, generator).programs[0] for _ in range(3800)])
    counts = np.bincount(drawn, minlength=20)
    assert counts[given_library.own[0]] == 0
    assert np.delete(counts, given_library.own[0]).min() > 140  # 200 are expected


def test_other_conditions_are_not_drawn() -> None:
    with pytest.raises(ValueError, match="'correct' is not drawn"):
        draw("correct", library(), np.random.default_rng(0))
    assert set(DRAWN) < set(CONDITIONS)
