"""Every term of the vocabulary: what it picks on hand-checked texts, and the prefix rule on random ones."""

import math
import re
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attention_programs.llm.dialect import in_prompts
from attention_programs.models.token_style import SpecialIds
from attention_programs.programs.features import Feature
from attention_programs.programs.parser import read_terms
from attention_programs.programs.source import parse_source
from attention_programs.programs.tokens import Array
from attention_programs.programs.view import TokenView
from attention_programs.programs.vocabulary import PATTERNS, TOKEN_FEATURES, Term, find_term
from cases import view_of

Key = tuple[str, int | None]

ABC = ("a", "b", "c")
PROSE = (" The", " cat", ",", " said", " Tom", ".", " The", " cat", " ran")
REPEATS = ("a", "b", "a", "b", "b", "a")
WORDS = (" un", "believ", "able", " cat", "s", ".", " It")
CLAUSES = ("a", ",", "b", "c", ".", "d")
MARKS = ("a", ":", "b", "\n", "c")
LINES = ("x", "=", "1", "\n", "y", "\n")
CODE = ("f", "(", "[", "x", "]", ")", "y")
SPEECH = (" he", ' "', "Go", '."', " she")
CURLY = ("“", "a", "”", "b")
GAVE = (" She", " gave", " it", " to", " him")
MATHS = ("x", " +", " y", " =", " 7", "$")

# Row by row, the columns that are picked: "-" is none, "02" is columns 0 and 2.
PICKS: list[tuple[str, int | None, Sequence[str], str]] = [
    ("uniform", None, ABC, "012/012/012"),
    ("first_token", None, ABC, "0/0/0"),
    ("second_token", None, ABC, "-/1/1"),
    ("third_token", None, ABC, "-/-/2"),
    ("self_token", None, ABC, "0/1/2"),
    ("previous_token", None, ABC, "-/0/1"),
    ("offset", 2, "abcd", "-/-/0/1"),
    ("offset", 3, "abcde", "-/-/-/0/1"),
    ("offset", 4, "abcdef", "-/-/-/-/0/1"),
    ("offset", 5, "abcdefg", "-/-/-/-/-/0/1"),
    ("offset", 6, "abcdefgh", "-/-/-/-/-/-/0/1"),
    ("offset", 7, "abcdefghi", "-/-/-/-/-/-/-/0/1"),
    ("offset", 8, "abcdefghij", "-/-/-/-/-/-/-/-/0/1"),
    ("next_token", None, ABC, "1/2/-"),
    ("ahead", 2, "abcd", "2/3/-/-"),
    ("ahead", 3, "abcde", "3/4/-/-/-"),
    ("ahead", 4, "abcdef", "4/5/-/-/-/-"),
    ("last_token", None, ABC, "2/2/2"),
    ("same_token", None, PROSE, "-/-/-/-/-/-/0/1/-"),
    ("same_token", None, REPEATS, "-/-/0/1/13/02"),
    ("latest_same_token", None, REPEATS, "-/-/0/1/3/2"),
    ("first_same_token", None, REPEATS, "0/1/0/1/1/0"),
    ("same_word", None, (" The", "the", " THE", " ", "", "cat", " "), "-/0/01/-/-/-/-"),
    ("same_word", None, ("\ufffd", "\ufffd", " a\ufffd", "a\ufffd"), "-/-/-/-"),
    ("induction", None, REPEATS, "-/-/1/2/24/13"),
    ("latest_induction", None, REPEATS, "-/-/1/2/4/3"),
    ("before_same_token", None, REPEATS, "-/-/-/0/02/1"),
    ("pair_induction", None, REPEATS, "-/-/-/2/-/3"),
    ("after_copy_of_previous", None, REPEATS, "-/-/-/1/2/24"),
    ("last_punctuation", None, PROSE, "-/-/-/2/2/2/5/5/5"),
    ("last_comma", None, PROSE, "-/-/-/2/2/2/2/2/2"),
    ("last_full_stop", None, PROSE, "-/-/-/-/-/-/5/5/5"),
    ("last_newline", None, ("a", "\n", "b", "\n\n", "c"), "-/-/1/1/3"),
    ("last_content_word", None, PROSE, "-/-/1/1/3/4/4/4/7"),
    ("last_verb_like", None, PROSE, "-/-/-/-/3/3/3/3/3"),
    ("last_name_like", None, PROSE, "-/-/-/-/-/4/4/4/4"),
    ("last_pronoun", None, GAVE, "-/0/0/2/2"),
    ("last_determiner", None, PROSE, "-/0/0/0/0/0/0/6/6"),
    ("last_preposition", None, GAVE, "-/-/-/-/3"),
    ("last_conjunction", None, (" one", " and", " two", " or", " six"), "-/-/1/1/3"),
    ("last_auxiliary", None, (" He", " is", " not", " late"), "-/-/1/2"),
    ("last_operator", None, MATHS, "-/-/1/1/3/3"),
    ("last_digit", None, (" 7", "x", " 12", " a"), "-/0/0/2"),
    ("last_word_start", None, PROSE, "-/0/1/1/3/4/4/6/7"),
    ("last_keyword", None, ("def", " f", "(", " return", " x"), "-/0/0/0/3"),
    ("current_word", None, WORDS, "0/01/012/3/34/5/6"),
    ("current_word_start", None, WORDS, "0/0/0/3/3/5/6"),
    ("previous_word", None, WORDS, "-/-/-/012/012/34/5"),
    ("current_clause", None, CLAUSES, "0/01/2/23/234/5"),
    ("current_clause", None, MARKS, "0/01/2/23/4"),
    ("clause_start", None, CLAUSES, "0/0/2/2/2/5"),
    ("previous_clause", None, CLAUSES, "-/-/01/01/01/234"),
    ("current_sentence", None, CLAUSES, "0/01/012/0123/01234/5"),
    ("current_sentence", None, MARKS, "0/01/012/0123/4"),
    ("sentence_start", None, CLAUSES, "0/0/0/0/0/5"),
    ("previous_sentence", None, CLAUSES, "-/-/-/-/-/01234"),
    ("current_line", None, LINES, "0/01/012/0123/4/45"),
    ("line_start", None, LINES, "0/0/0/0/4/4"),
    ("open_bracket", None, CODE, "-/-/1/2/2/1/-"),
    ("open_bracket", None, ("f", "(x", "):", "(", "}", "]", "y"), "-/-/1/-/3/-/-"),
    ("open_quote", None, SPEECH, "-/-/1/1/-"),
    ("open_quote", None, CURLY, "-/0/0/-"),
    ("current_quotation", None, SPEECH, "-/-/12/123/-"),
    ("last_tokens", 2, "abcd", "0/01/12/23"),
    ("last_tokens", 3, "abcde", "0/01/012/123/234"),
    ("last_tokens", 4, "abcdef", "0/01/012/0123/1234/2345"),
    ("last_tokens", 6, "abcdefgh", "0/01/012/0123/01234/012345/123456/234567"),
    ("last_tokens", 8, "abcdefghij", "0/01/012/0123/01234/012345/0123456/01234567/12345678/23456789"),
    ("first_content_word", None, PROSE, "-/1/1/1/1/1/1/1/1"),
    ("first_content_word", None, ABC, "-/1/1"),
    ("first_name_like", None, PROSE, "-/-/-/-/4/4/4/4/4"),
    ("first_name_like", None, ("Ann", " ran"), "-/-"),
    ("first_verb_like", None, PROSE, "-/-/-/3/3/3/3/3/3"),
    ("first_digit", None, (" a", " 7", "x", " 12"), "-/1/1/1"),
    ("first_operator", None, MATHS, "-/1/1/1/1/1"),
    ("first_newline", None, ("a", ".\n", "b", "\n\n", "c"), "-/1/1/1/1"),
    ("last_capitalised", None, PROSE, "-/0/0/0/0/4/4/6/6"),
    ("last_whitespace", None, ("  ", "a", " ", "\n", "b", " "), "-/0/0/2/2/2"),
    ("last_bracket", None, CODE, "-/-/1/2/2/4/5"),
    ("last_quote", None, SPEECH, "-/-/1/1/3"),
    ("last_quote", None, CURLY, "-/0/0/2"),
    ("token_above", None, LINES, "-/-/-/-/0/1"),
    ("token_above", None, ("a", "\n", "b", "c", "d", "\n", "e", "f"), "-/-/0/1/-/-/2/3"),
    ("same_indent", None, ("x", "a", "\n", "x", "b", "\n", "y", "\n", "x"), "-/-/-/0/0/0/-/-/03"),
    ("same_indent", None, ("x", "x", "\n", "y", "x"), "-/-/-/-/-"),
]

# Entry (i, j) of the patterns that are no choice of tokens.
FORMULAS: dict[Key, Callable[[int, int], float]] = {
    ("log_distance", None): lambda i, j: math.log(1 + abs(i - j)),
    ("log_position", None): lambda i, j: math.log(1 + j),
    ("row_position", None): lambda i, j: math.log(1 + i) if j > 0 else 0.0,
    ("decay", 2): lambda i, j: math.exp(-abs(i - j) / 2),
    ("decay", 4): lambda i, j: math.exp(-abs(i - j) / 4),
    ("decay", 8): lambda i, j: math.exp(-abs(i - j) / 8),
    ("decay", 16): lambda i, j: math.exp(-abs(i - j) / 16),
    ("decay", 32): lambda i, j: math.exp(-abs(i - j) / 32),
    ("decay", 1): lambda i, j: math.exp(-abs(i - j)),
    ("decay", 64): lambda i, j: math.exp(-abs(i - j) / 64),
    **{
        ("fading_first_token", scale): lambda i, j, scale=scale: math.exp(-i / scale) * (j == 0)
        for scale in (1, 2, 4, 8, 16, 32)
    },
    ("decay", 128): lambda i, j: math.exp(-abs(i - j) / 128),
    ("decay", 256): lambda i, j: math.exp(-abs(i - j) / 256),
    ("last_tokens", 12): lambda i, j: float(j <= i < j + 12),
    ("last_tokens", 16): lambda i, j: float(j <= i < j + 16),
    ("last_tokens", 24): lambda i, j: float(j <= i < j + 24),
    ("last_tokens", 48): lambda i, j: float(j <= i < j + 48),
    ("last_tokens", 96): lambda i, j: float(j <= i < j + 96),
    ("early", 2): lambda i, j: math.exp(-j / 2),
    ("early", 4): lambda i, j: math.exp(-j / 4),
    ("early", 8): lambda i, j: math.exp(-j / 8),
    ("early", 16): lambda i, j: math.exp(-j / 16),
    # In MANY every token repeats each five positions.
    ("near_induction", 8): lambda i, j: (i - j) % 5 == 4 and i > j > 0 and math.exp(-(i - j) / 8),
    ("near_induction", 32): lambda i, j: (i - j) % 5 == 4 and i > j > 0 and math.exp(-(i - j) / 32),
    ("near_same_token", 8): lambda i, j: (i - j) % 5 == 0 and i > j and math.exp(-(i - j) / 8),
    ("near_same_token", 32): lambda i, j: (i - j) % 5 == 0 and i > j and math.exp(-(i - j) / 32),
}
MANY = "abcde" * 6

# Token by token, whether it is in the class.
FLAGS: list[tuple[str, Sequence[str], str]] = [
    ("punctuation", (" a", ",", "...", "$", "\n", "", "x."), "0111000"),
    ("punctuation", ("caf", "\ufffd", "\ufffd", " \ufffd", "\ufffd.", "."), "000001"),
    ("comma", (",", " ,", ',"', "a,"), "1110"),
    ("full_stop", (".", "!", " ?", "...", "a.", ",", ".5"), "1111001"),
    ("colon", (":", ";", " ::", "a:"), "1110"),
    ("quote", ('"', '."', "“", "'", "'s", "`", "a"), "1111010"),
    ("bracket", ("(", "])", "{}", "x", "<"), "11100"),
    ("opening_bracket", ("(", ")", "([", "):", " {"), "10101"),
    ("newline", ("\n", "\n\n", " ", ".\n", ""), "11010"),
    ("whitespace", (" ", "    ", "\t", "\n", "", "a"), "111010"),
    ("digit", ("7", " 12", "1a", "½", "x"), "11000"),
    ("operator", ("+", " =", "==", "->", "x+", "", "\\", ".", "#"), "111100101"),
    ("capitalised", (" Tom", "tom", "É", "7A", " I", ""), "101010"),
    ("name_like", (" The", " cat", " saw", " Tom", ".", " He", ' "', "No", " Ann", "\n", "Go"), "00010000100"),
    ("word_start", (" un", "able", ",", " cat", " ", "7"), "100101"),
    ("word_continuation", (" un", "able", ",", " cat", " ", "7"), "010000"),
    ("determiner", (" the", " th", "e", " A", " this", " cat"), "101110"),
    ("pronoun", (" She", " her", "self", " it", " cat"), "11110"),
    ("preposition", (" in", "to", " of", " cat"), "1110"),
    ("conjunction", (" and", " but", " And", "roid"), "1110"),
    ("auxiliary", (" is", " can", "'t", "'s", " Not", " run"), "111110"),
    ("function_word", (" the", " she", " of", " and", " is", " cat", "7", ","), "11111000"),
    ("content_word", (" cat", " the", "7", "x", ",", " she"), "100100"),
    ("verb_like", (" walk", "ed", " said", " red", " sing", "ing", " being", " bed"), "01100100"),
    ("keyword", ("def", " SELECT", " x", " re", "turn"), "11001"),
    ("single_character", ("a", " x", "7", "ab", "é", ","), "110010"),
    ("long_piece", (" another", " cat", "1234567", "sixsix"), "1010"),
    ("first_occurrence", ("a", "b", "a", "c", "b"), "11010"),
    ("frequent_first", (" the", " cat", ",", " the", ",", " ", "cat"), "1010010"),
    ("article", (" the", " An", " a", " this", " th", "e"), "111001"),
    ("sentence_opener", (" a", ".", " b", ",", "\n", "\n", "!?", " c"), "10100111"),
    ("sentence_opener", (".",), "1"),
    ("past_first_sentence", (" a", ",", "!", " b", "\n", " c"), "000111"),
    ("past_first_sentence", ("\n", "a", "b"), "011"),
    ("first_full_stop", (" a", "?", " b", ".", "."), "01000"),
    ("the_after_preposition", (" in", " the", " cat", " of", " the", " saw", " the", " and", " the"), "000010100"),
    ("the_after_place", (" in", " the", " cat", " of", " the", " from", " the", " The", " at", " a"), "0100001000"),
    ("the_after_preposition", (" a", " cat", "the", " cat", " The", " cat", " thee", ",", " the"), "000000000"),
    ("first_space", (" is", " ", " and", " ", ",", " ", "=", " ", " "), "000000010"),
    ("first_space", (" ", "a", " "), "100"),
    ("first_space", ("  ", "\n", "", " 7"), "0000"),
    ("sink_candidate", ("x", " ", " cat", " in", " the", " ", " saw", " the", ","), "010010010"),
    ("secondary_sink", ("x", " ", " cat", " in", " the"), "01000"),
    ("secondary_sink", (" cat", " in", " the", " cat", "=", " "), "001000"),
    ("secondary_sink", (" the", ",", " the", ",", " the"), "00000"),
    ("special", ("<s>", "Once", " <s", "<mask>", "</s>"), "10011"),
    *((f"first_{count}", "abcdefghi" * 4, ("1" * count).ljust(36, "0")) for count in (4, 8, 16, 32)),
]

# Token by token the value of the classes that are no flags: what it is of a token's id and string.
GRADES: dict[str, Callable[[int, str], float]] = {
    "rarity": lambda token, _: math.log2(1 + token) / 16,
    "token_length": lambda _, token_string: math.log2(1 + len(token_string.strip())) / 4,
}


def all_patterns() -> list[tuple[Term, int | None]]:
    return [(term, parameter) for term in PATTERNS.values() for parameter in term.parameters or (None,)]


@pytest.mark.parametrize(("name", "parameter", "token_strings", "rows"), PICKS)
def test_pattern_picks(name: str, parameter: int | None, token_strings: Sequence[str], rows: str) -> None:
    expected = np.zeros((len(token_strings), len(token_strings)))
    for i, columns in enumerate(rows.split("/")):
        for column in columns.strip("-"):
            expected[i, int(column)] = 1
    np.testing.assert_array_equal(view_of(token_strings).matrix(name, parameter), expected)


@pytest.mark.parametrize(("name", "parameter"), FORMULAS)
@pytest.mark.parametrize("causal", [True, False])
def test_pattern_follows_its_formula(name: str, parameter: int | None, causal: bool) -> None:
    formula = FORMULAS[name, parameter]
    expected = [[float(formula(i, j)) for j in range(30)] for i in range(30)]
    np.testing.assert_allclose(view_of(MANY, causal).matrix(name, parameter), expected, rtol=1e-5)


@pytest.mark.parametrize("name", ["decay", "early", "near_induction", "near_same_token"])
@pytest.mark.parametrize("scale", [0, -8])
def test_what_fades_needs_a_scale(name: str, scale: int) -> None:
    with pytest.raises(ValueError, match=f"scale {scale} is not above 0; write"):
        getattr(view_of(MANY), name)(scale)


@pytest.mark.parametrize(("name", "token_strings", "flags"), FLAGS)
def test_class_flags(name: str, token_strings: Sequence[str], flags: str) -> None:
    assert view_of(token_strings, special=name == "special").vector(name).tolist() == [float(flag) for flag in flags]


@pytest.mark.parametrize("name", GRADES)
def test_graded_classes_follow_their_formulas(name: str) -> None:
    ids, token_strings = [0, 1, 7, 65535, 300, 7], ["", " a", "\n\n", " another ", "ab", "x, y"]
    expected = [GRADES[name](token, token_string) for token, token_string in zip(ids, token_strings, strict=True)]
    np.testing.assert_allclose(TokenView(ids, token_strings).vector(name), expected, rtol=1e-6)


def test_every_term_has_a_hand_written_case() -> None:
    cases = {(name, parameter) for name, parameter, *_ in PICKS} | set(FORMULAS)
    assert cases == {(term.name, parameter) for term, parameter in all_patterns()}
    assert {name for name, *_ in FLAGS} | set(GRADES) == set(TOKEN_FEATURES)
    assert set(GRADES) == {name for name, term in TOKEN_FEATURES.items() if term.continuous}


PATTERNS_IN_ORDER = """
    uniform first_token second_token third_token self_token previous_token offset log_distance decay last_tokens
    early log_position row_position fading_first_token next_token ahead last_token same_token latest_same_token
    first_same_token same_word induction near_induction near_same_token latest_induction before_same_token
    pair_induction
    after_copy_of_previous first_content_word first_name_like first_verb_like first_digit first_operator
    first_newline last_punctuation last_comma last_full_stop last_newline last_content_word last_verb_like
    last_name_like last_pronoun last_determiner last_preposition last_conjunction last_auxiliary last_operator
    last_digit last_word_start last_keyword last_capitalised last_whitespace last_bracket last_quote current_word
    current_word_start previous_word current_clause clause_start previous_clause current_sentence sentence_start
    previous_sentence current_line line_start token_above same_indent open_bracket open_quote current_quotation
"""
CLASSES_IN_ORDER = """
    punctuation comma full_stop colon quote bracket opening_bracket newline whitespace digit operator capitalised
    name_like word_start word_continuation determiner pronoun preposition conjunction auxiliary function_word
    content_word verb_like keyword single_character long_piece first_occurrence frequent_first article
    sentence_opener past_first_sentence first_full_stop the_after_preposition the_after_place first_space sink_candidate
    secondary_sink rarity token_length first_4 first_8 first_16 first_32 special
"""


def test_the_order_of_the_terms_is_fixed_because_it_decides_ties_in_the_search() -> None:
    assert list(PATTERNS) == PATTERNS_IN_ORDER.split()
    assert list(TOKEN_FEATURES) == CLASSES_IN_ORDER.split()


@pytest.mark.parametrize(
    ("former", "name"),
    [
        ("blank", "whitespace"),
        ("governed_the", "the_after_preposition"),
        ("first_blank", "first_space"),
        ("resting_place", "sink_candidate"),
        ("second_sink", "secondary_sink"),
        *((f"opening_{count}", f"first_{count}") for count in (4, 8, 16, 32)),
        ("last_blank", "last_whitespace"),
    ],
)
def test_a_former_name_is_the_same_term(former: str, name: str) -> None:
    terms, pattern = (PATTERNS, True) if name in PATTERNS else (TOKEN_FEATURES, False)
    assert terms[former] is terms[name]
    assert former in terms
    assert former not in list(terms)
    assert find_term(former) is terms.get(former) is terms[name]
    text = view_of((" cat", " in", " the", " cat", "=", " "))
    if pattern:
        assert getattr(text, former) is getattr(text, name)
        source = f"def program(text):\n    return text.softmax(2.0 * text.{former})"
    else:
        assert text.vector(former) is text.vector(name)
        np.testing.assert_array_equal(getattr(text.key, former), getattr(text.key, name))
        source = f"def program(text):\n    return text.softmax(2.0 * text.key.{former})"
    assert parse_source(source, "here").speaks_vocabulary_only
    assert parse_source(source, "here").mentions == ((name, None),)
    (term,) = read_terms(source, "here")
    assert term.feature == (Feature(name) if pattern else Feature(key=name))
    assert in_prompts(term.feature.expression).endswith(f".{former}")


def test_a_name_that_never_was_is_no_term() -> None:
    assert find_term("resting_places") is TOKEN_FEATURES.get("resting_places") is None
    assert "resting_places" not in TOKEN_FEATURES
    with pytest.raises(KeyError):
        TOKEN_FEATURES["resting_places"]


def test_the_vocabulary_is_large_and_its_names_are_unambiguous() -> None:
    assert len(PATTERNS) >= 30
    assert not PATTERNS.keys() & TOKEN_FEATURES.keys()  # the two share a cache
    assert not [name for name in PATTERNS if name in dir(TokenView) or name in vars(view_of(ABC))]


@pytest.mark.parametrize("term", [*PATTERNS.values(), *TOKEN_FEATURES.values()], ids=lambda term: term.name)
def test_every_term_says_what_it_is(term: Term) -> None:
    assert len(term.summary.split()) >= 2
    assert term.summary.endswith(".")
    assert term.phrase
    assert term.phrase == term.phrase.strip()
    assert ("{0}" in term.phrase) == bool(term.parameters)
    assert term.name.isidentifier()


EXAMPLE = re.compile(r"(?P<pieces>.+?)(?: with (?P<parameter>\d+))? -> (?P<result>.+)\.")


def example_view(token_strings: str) -> TokenView:
    """The text of an example: pieces with ``·`` for a blank and ``↵`` for a line break, a number of tokens, or ids."""
    words = token_strings.replace("·", "~").split()
    if words[0] == "ids":
        return TokenView([int(word) for word in words[1:]], ["a"] * (len(words) - 1))
    if words[-1] == "tokens":
        return view_of(["a"] * int(words[0]))
    return view_of([word.replace("~", " ").replace("↵", "\n") for word in words], special="<s>" in words)


def example_values(result: str, n: int) -> list[float]:
    """The row that an example states: ``marks 0 and 2``, ``picks 1``, ``marks 0 to 3`` or ``is 0.25 0.50``."""
    verb, *words = result.replace(",", "").split()
    if verb == "is":
        return [float(word) for word in words]
    assert verb in ("marks", "picks")
    if "to" in words:
        return [float(int(words[0]) <= j <= int(words[2])) for j in range(n)]
    return [float(str(j) in words) for j in range(n)]


@pytest.mark.parametrize("term", [*PATTERNS.values(), *TOKEN_FEATURES.values()], ids=lambda term: term.name)
def test_every_term_has_a_worked_example_that_is_true(term: Term) -> None:
    found = EXAMPLE.fullmatch(term.example)
    assert found, term.example
    view, result = example_view(found["pieces"]), found["result"]
    assert (found["parameter"] is None) == (not term.parameters)
    if term.category == "class":
        value = view.vector(term.name)
    else:
        _, row, result = result.split(" ", 2)
        value = view.matrix(term.name, int(found["parameter"]) if term.parameters else None)[int(row)]
    np.testing.assert_allclose(value, example_values(result, view.n), atol=0.0051)
    assert value.any()
    assert "Example" not in term.summary


LETTERS = st.sampled_from([" the", " cat", "s", " Tom", "é", "猫", "def", " She", " is", "ed", "ing", "'s", " un", "x"])
SIGNS = st.sampled_from([",", ".", "!", ":", '"', "“", "”", "'", "(", ")", "[", "}", '."', "):", "$", " +", "\\", "_"])
BLANKS = st.sampled_from(["", " ", "    ", "\n", "\n\n", "\t", ".\n", "\ufffd", "7", " 12"])
TOKEN_STRING = st.one_of(LETTERS, SIGNS, BLANKS, st.text(max_size=4))


@st.composite
def token_lists(draw: st.DrawFn, length: int | None) -> tuple[list[int], list[str]]:
    """Random pieces with random ids: few different ones, so that tokens repeat."""
    n = length or draw(st.integers(1, 40))
    if n <= 40:
        return draw(st.lists(st.integers(0, 5), min_size=n, max_size=n)), draw(
            st.lists(TOKEN_STRING, min_size=n, max_size=n)
        )
    some = draw(st.lists(TOKEN_STRING, min_size=12, max_size=12))
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    return rng.integers(0, 8, n).tolist(), [some[i] for i in rng.integers(0, len(some), n)]


def every_value(view: TokenView) -> dict[Key, tuple[Array, bool]]:
    """Each term's value, classes as one row, and whether it may look ahead."""
    values = {(term.name, p): (view.matrix(term.name, p), term.looks_ahead) for term, p in all_patterns()}
    return values | {(name, None): (view.vector(name), False) for name in TOKEN_FEATURES}


def violates_prefix_rule(whole: Array, part: Array) -> bool:
    """Whether entries (i, j <= i) of a pattern, or any of a class, differ between a text and its prefix."""
    n = len(part)
    if whole.ndim == 1:
        return not np.array_equal(whole[:n], part)
    return not np.array_equal(np.tril(whole[:n, :n]), np.tril(part))


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("length", [1, 2, 17, 130, None])
def test_terms_obey_the_prefix_rule_and_are_well_formed(length: int | None, causal: bool) -> None:
    @settings(max_examples=40, deadline=None, derandomize=True, database=None)
    @given(data=st.data(), tokens=token_lists(length))
    def check(data: st.DataObject, tokens: tuple[list[int], list[str]]) -> None:
        ids, token_strings = tokens
        n = len(ids)
        around, inside = (tuple(data.draw(st.sets(st.integers(0, 7), max_size=2))) for _ in range(2))
        special = SpecialIds(around, inside)
        view = TokenView(ids, token_strings, causal, special)
        cut = data.draw(st.integers(1, n))
        prefix = every_value(TokenView(ids[:cut], token_strings[:cut], causal, special))
        for (name, parameter), (whole, looks_ahead) in every_value(view).items():
            assert whole.shape == ((n,) if name in TOKEN_FEATURES else (n, n)), name
            assert whole.dtype == np.float32, name
            assert np.isfinite(whole).all(), name
            assert whole.min() >= 0, name
            assert not whole.flags.writeable, name
            if not looks_ahead:
                assert not violates_prefix_rule(whole, prefix[name, parameter][0]), (name, parameter, cut)

    check()


def test_terms_that_look_ahead_do() -> None:
    """So the mark is needed, and the check above can fail."""
    text = view_of("abcdefgh")
    for term, parameter in all_patterns():
        if term.looks_ahead:
            whole = text.matrix(term.name, parameter)
            violates = violates_prefix_rule(whole, text.prefix(5).matrix(term.name, parameter))
            assert violates or not np.tril(whole).any()
            assert np.triu(whole, 1).any()
    assert violates_prefix_rule(text.matrix("last_token"), text.prefix(5).matrix("last_token"))


@pytest.mark.parametrize("name", TOKEN_FEATURES)
def test_classes_are_flags(name: str) -> None:
    values = np.unique(view_of([*PROSE, *CODE, *MATHS]).vector(name))
    assert (set(values) <= {0.0, 1.0}) != TOKEN_FEATURES[name].continuous


@given(data=st.data(), tokens=token_lists(None))
@settings(deadline=None, max_examples=60)
def test_some_rows_of_a_pattern_are_those_of_the_whole(
    data: st.DataObject, tokens: tuple[list[int], list[str]]
) -> None:
    whole, fresh = TokenView(*tokens), TokenView(*tokens)
    rows = np.array(sorted(data.draw(st.sets(st.integers(0, whole.n - 1), min_size=1))))
    for name, term in PATTERNS.items():
        for parameter in term.parameters[:2] or (None,):
            np.testing.assert_array_equal(fresh.rows(name, rows, parameter), whole.matrix(name, parameter)[rows])
