"""Names of heads and the choice of heads to study."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attention_programs.errors import UserError
from attention_programs.models.head import Head, all_heads, choose_heads


@given(st.integers(0, 999), st.integers(0, 999))
def test_names_come_back(layer: int, index: int) -> None:
    assert Head.parse(str(Head(layer, index))) == Head(layer, index)


@pytest.mark.parametrize("name", ["", "L5", "H1", "l5h1", "L5H1x", "L-1H0", "L5 H1", "L1H2H3", "every 0", "every ²"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(UserError, match="write layer and head like L5H1"):
        choose_heads(name, 9, 9)


def test_heads_are_ordered_by_layer_and_then_by_index() -> None:
    assert sorted([Head(10, 0), Head(2, 1), Head(2, 0)]) == [Head(2, 0), Head(2, 1), Head(10, 0)]
    assert all_heads(2, 2) == [Head(0, 0), Head(0, 1), Head(1, 0), Head(1, 1)]


def test_heads_are_chosen_by_all_by_step_or_by_name() -> None:
    assert choose_heads("all", 2, 3) == all_heads(2, 3)
    assert choose_heads("every 4", 2, 3) == [Head(0, 0), Head(1, 1)]
    assert choose_heads("every 1", 2, 3) == all_heads(2, 3)
    assert choose_heads("L1H2", 2, 3) == [Head(1, 2)]
    assert choose_heads(["L1H2", "L0H1", "L1H2"], 2, 3) == [Head(0, 1), Head(1, 2)]


@pytest.mark.parametrize("name", ["L2H0", "L0H3"])
def test_heads_that_do_not_exist_are_refused_with_the_range(name: str) -> None:
    with pytest.raises(UserError, match=rf"{name} does not exist.*L0 to L1.*H0 to H2"):
        choose_heads([name], 2, 3)
