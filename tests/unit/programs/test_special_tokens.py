"""Special tokens in the vocabulary: a class of their own and nothing else; words stand as if they were not there."""

from collections.abc import Sequence

import numpy as np
import pytest

from attention_programs.models.token_style import NO_SPECIAL, SpecialIds
from attention_programs.programs.features import candidate_features
from attention_programs.programs.view import TokenView
from attention_programs.programs.vocabulary import PATTERNS, TOKEN_FEATURES
from cases import view_of

STORY = (
    "Once", " upon", " a", " time", ",", " Tom", " saw", " the", " cat", " in", " the", " (", "old", ")", " tree", ".",
    " He", ' "', "ran", '"', " up", "\n", "The", " cat", ":", " un", "able", " 7", " ", "=", " of", " the", "\n", "The",
)  # fmt: skip
OPENINGS = (("<s>",), ("[CLS]",), ("<bos>",), ("<|begin_of_text|>",), ("<bos>", "<s>"))
STAY = ("rarity", "first_token")  # of another id, and the sink


def terms() -> list[tuple[str, int | None]]:
    return [(term.name, p) for term in PATTERNS.values() for p in term.parameters or (None,)]


@pytest.mark.parametrize("opening", OPENINGS)
@pytest.mark.parametrize("closing", [(), ("</s>",), ("[SEP]",)])
def test_special_tokens_are_in_their_own_class_alone(opening: Sequence[str], closing: Sequence[str]) -> None:
    view = view_of((*opening, *STORY, *closing), special=True)
    special = [1.0] * len(opening) + [0.0] * len(STORY) + [1.0] * len(closing)
    assert view.vector("special").tolist() == special
    others = [name for name in TOKEN_FEATURES if name != "special"]
    assert not [name for name in others if view.vector(name)[np.array(special) > 0].any()]


@pytest.mark.parametrize("opening", OPENINGS)
@pytest.mark.parametrize("closing", [(), ("</s>",)])
def test_tokens_of_the_text_are_in_the_same_classes_whatever_stands_around_it(
    opening: Sequence[str], closing: Sequence[str]
) -> None:
    alone, view = view_of(STORY), view_of((*opening, *STORY, *closing), special=True)
    text = slice(len(opening), len(opening) + len(STORY))
    for name in TOKEN_FEATURES:
        if name not in STAY:
            np.testing.assert_array_equal(view.vector(name)[text], alone.vector(name), err_msg=name)
    assert view.positions[text].tolist() == list(range(len(STORY)))
    assert view.words_so_far[text] == alone.words_so_far


@pytest.mark.parametrize("opening", OPENINGS)
@pytest.mark.parametrize("closing", [(), ("</s>",)])
@pytest.mark.parametrize("causal", [True, False])
def test_tokens_of_the_text_pick_the_same_tokens_whatever_stands_around_it(
    opening: Sequence[str], closing: Sequence[str], causal: bool
) -> None:
    alone, view = view_of(STORY, causal), view_of((*opening, *STORY, *closing), causal, special=True)
    text = slice(len(opening), len(opening) + len(STORY))
    for name, parameter in terms():
        if name in ("first_token", "row_position", "fading_first_token", "last_token"):
            continue
        ours, theirs = view.matrix(name, parameter)[text, text], alone.matrix(name, parameter)
        np.testing.assert_array_equal(ours, theirs, err_msg=f"{name} {parameter}")
    # Elsewhere a word's row picks a special token only by its distance, or as one of all.
    near = {
        "uniform",
        "first_token",
        "offset",
        "previous_token",
        "decay",
        "log_distance",
        "last_tokens",
        "row_position",
        "fading_first_token",
    }
    ahead = {"next_token", "ahead", "last_token"}
    for name, parameter in terms():
        rows = view.matrix(name, parameter)[text]
        outside = np.delete(rows, range(text.start, text.stop), axis=1)
        assert name in near | ahead or not outside.any(), name


def test_the_sink_stays_the_very_first_token() -> None:
    view = view_of(("<s>", *STORY), special=True)
    assert view.matrix("first_token")[:, 0].all()
    assert view.matrix("second_token")[5].nonzero()[0].tolist() == [2]
    assert not view.matrix("row_position")[:, 0].any()
    assert view.matrix("row_position")[1, 1] == 0


def test_a_mask_or_an_unknown_token_keeps_its_place_in_the_text() -> None:
    view = view_of(("[CLS]", "[MASK]", " cat", " sat", "<unk>", " in", " the", ".", "[SEP]"), False, special=True)
    assert view.vector("special").tolist() == [1, 1, 0, 0, 1, 0, 0, 0, 1]
    assert view.text_start == 1
    assert view.positions.tolist() == [0, 0, 1, 2, 3, 4, 5, 6, 7]
    assert view.matrix("current_sentence")[7].tolist() == [0, 1, 1, 1, 1, 1, 1, 1, 0]
    assert view.vector("first_4").tolist() == [0, 0, 1, 1, 0, 0, 0, 0, 0]
    assert not view.vector("sentence_opener")[2:].any()
    assert not [name for name in TOKEN_FEATURES if name != "special" and view.vector(name)[[1, 4]].any()]


def test_what_only_looks_like_a_special_token_is_none() -> None:
    view = view_of(("<s>", "Once", "[CLS]"))
    assert not view.vector("special").any()
    assert view.vector("bracket").tolist() == [0, 0, 1]
    assert TokenView([5, 9], ["<s>", "<s>"], True, SpecialIds((9,))).vector("special").tolist() == [0, 1]


def test_special_ids_that_a_text_lacks_change_nothing() -> None:
    plain = view_of(STORY)
    other = TokenView(plain.ids, plain.token_strings, True, SpecialIds((900, 901), (902,)))
    for name, parameter in terms():
        np.testing.assert_array_equal(other.matrix(name, parameter), plain.matrix(name, parameter))
    for name in TOKEN_FEATURES:
        np.testing.assert_array_equal(other.vector(name), plain.vector(name))
    assert not plain.vector("special").any()


def test_prefixes_keep_the_special_ids() -> None:
    view = view_of(("<s>", *STORY), special=True)
    assert view.prefix(3).vector("special").tolist() == [1, 0, 0]
    assert view.prefix(3).special_ids == view.special_ids


def test_features_of_the_class_are_left_out_where_no_text_has_any() -> None:
    every, some = candidate_features(True), candidate_features(True, special=False)
    assert [f for f in every if "special" not in (f.key, f.query)] == some
    assert len(some) < len(every)


def test_ids_among_those_of_a_text() -> None:
    ids = SpecialIds((1, 2), (3,))
    assert ids.among([2, 7, 3]) == SpecialIds((2,), (3,))
    assert (ids.occur_in([7]), ids.occur_in([7, 3]), NO_SPECIAL.occur_in([1])) == (False, True, False)
    assert SpecialIds.from_json({"around": [1, 2], "inside": [3]}) == ids
