"""Classes of tokens, from characters and closed-class word lists; token j's class depends on tokens 0..j only."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from attention_programs.programs.vocabulary.registry import Array, token_class

if TYPE_CHECKING:
    from attention_programs.programs.view import TokenView


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ARTICLES = _words("the a an")
DETERMINERS = _words("the a an this that these those each every some any no another both all")
PRONOUNS = _words(
    "i you he she it we they me him her us them my your his its our their mine yours hers ours theirs who whom whose "
    "which what myself himself herself itself themselves one someone everyone nobody"
)
PREPOSITIONS = _words(
    "of in on at to from with by for about into over under between through after before against during without "
    "around behind beside near across along inside outside up down off than as like until since"
)
CONJUNCTIONS = _words("and or but so because if when while although though unless nor yet then where how why")
AUXILIARIES = _words(
    "is are was were be been being am has have had having do does did can could will would shall should may might must "
    "not 't 's 're 've 'll 'd 'm"
)
COMMON_VERBS = _words(
    "said say says went go goes saw see sees took take takes made make makes came come comes got get gets found find "
    "finds ran run runs put puts let lets gave give gives told tell tells knew know knows thought think thinks felt "
    "feel feels asked ask asks looked look looks wanted want wants liked like likes used use uses print prints "
    "held kept sat stood left brought began heard ate sold return returns"
)
KEYWORDS = _words(
    "def return import from class for while if else elif try except finally with as lambda yield const let var new "
    "function public private static void int float double char bool string struct enum fn impl pub mut use match "
    "package func type interface select where join group order insert update delete create table values null none "
    "true false self this super async await echo done fi do then end"
)
FREQUENT = _words("the a an of and to in is was it , . : ; ( = _ \\ $ - \" '") | {""}
"""Tokens that every text repeats; the empty word is a bare blank or line break."""


def _flags(view: TokenView, test: Callable[[str], bool]) -> Array:
    return np.array([test(piece) for piece in view.pieces], dtype=np.float32)


def _word_flags(view: TokenView, words: frozenset[str]) -> Array:
    return np.array([word in words for word in view.words_so_far], dtype=np.float32)


def _first(flags: Array) -> Array:
    """Keeps the first flag.

    >>> _first(np.array([0.0, 1.0, 1.0])).tolist()
    [0.0, 1.0, 0.0]
    """
    return (flags * (np.cumsum(flags) == 1)).astype(np.float32)


def _made_of(characters: str) -> Callable[[str], bool]:
    return lambda piece: bool(piece.strip()) and all(character in characters for character in piece.strip())


@token_class("punctuation")
def punctuation(view: TokenView) -> Array:
    """Tokens of printable characters that are neither letters nor digits.

    Example: ·cat , ... x. -> marks 1 and 2.
    """
    return _flags(view, lambda p: bool(p.strip()) and not any(c.isalnum() for c in p))


@token_class("commas")
def comma(view: TokenView) -> Array:
    """Tokens that begin with a comma, after blanks.

    Example: a , ," a, -> marks 1 and 2.
    """
    return _flags(view, lambda p: p.strip().startswith(","))


@token_class("full stops")
def full_stop(view: TokenView) -> Array:
    """Tokens that begin with a sign that ends a sentence, . ! or ?, after blanks: a decimal point, too.

    Example: a . ·? a. -> marks 1 and 2.
    """
    return _flags(view, lambda p: p.strip()[:1] in {".", "!", "?"})


@token_class("colons and semicolons")
def colon(view: TokenView) -> Array:
    """Tokens that begin with a colon or semicolon, after blanks.

    Example: a : ; -> marks 1 and 2.
    """
    return _flags(view, lambda p: p.strip()[:1] in {":", ";"})


@token_class("quotation marks")
def quote(view: TokenView) -> Array:
    """Tokens that hold a double quotation mark or are a single one.

    Example: a " ." ’ -> marks 1, 2 and 3.
    """
    return _flags(view, lambda p: any(c in p for c in '"“”«»') or p.strip() in {"'", "`", "‘", "’"})


@token_class("brackets")
def bracket(view: TokenView) -> Array:
    """Tokens that hold a round, square or curly bracket.

    Example: f ( x ): -> marks 1 and 3.
    """
    return _flags(view, lambda p: any(c in p for c in "()[]{}"))


@token_class("opening brackets")
def opening_bracket(view: TokenView) -> Array:
    """Tokens that hold an opening bracket.

    Example: f ( x ): -> marks 1.
    """
    return _flags(view, lambda p: any(c in p for c in "([{"))


@token_class("line breaks")
def newline(view: TokenView) -> Array:
    """Tokens that hold a line break.

    Example: a ↵ .↵ · -> marks 1 and 2.
    """
    return _flags(view, lambda p: "\n" in p)


@token_class("blanks")
def blank(view: TokenView) -> Array:
    """Tokens of white space without a line break: indents, the space before a number.

    Example: a · ·· ↵ -> marks 1 and 2.
    """
    return _flags(view, lambda p: not p.strip() and "\n" not in p)


@token_class("digits")
def digit(view: TokenView) -> Array:
    """Tokens of digits alone, but for blanks.

    Example: 7 ·12 1a -> marks 0 and 1.
    """
    return _flags(view, lambda p: p.strip().isdigit())


@token_class("operators")
def operator(view: TokenView) -> Array:
    r"""Tokens made of signs of mathematics and code alone: + - * / = < > & | ^ % ~ \ _ $ @ #.

    Example: x ·= y == . -> marks 1 and 3.
    """
    return _flags(view, _made_of("+-*/=<>&|^%~\\_$@#"))


@token_class("capitalised words")
def capitalised(view: TokenView) -> Array:
    """Tokens that begin with a capital letter.

    Example: Tom ·tom ·I -> marks 0 and 2.
    """
    return _flags(view, lambda p: p.strip()[:1].isupper())


@token_class("names")
def name_like(view: TokenView) -> Array:
    """Capitalised tokens inside a sentence, where a capital means a name.

    Example: Then ·Tom . ·He -> marks 1.
    """
    before = np.concatenate([[1.0], view.vector("full_stop") + view.vector("newline") + view.vector("quote")])[:-1]
    return (capitalised(view) * (before == 0)).astype(np.float32)


@token_class("starts of words")
def word_start(view: TokenView) -> Array:
    """First pieces of words: they begin with a letter or digit and no letter or digit touches them in front.

    Example: ·un able , ·cat -> marks 0 and 3.
    """
    starts = np.zeros(view.n, dtype=np.float32)
    starts[np.unique(view.word_starts)] = 1
    return starts * _flags(view, lambda p: p.strip()[:1].isalnum())


@token_class("later pieces of words")
def word_continuation(view: TokenView) -> Array:
    """Pieces of words after the first: a letter or digit touches them in front.

    Example: ·un able , ·cat -> marks 1.
    """
    return (view.word_starts < np.arange(view.n)).astype(np.float32)


@token_class("determiners")
def determiner(view: TokenView) -> Array:
    """the, a, this, every, ...

    Example: ·this ·cat ·the -> marks 0 and 2.
    """
    return _word_flags(view, DETERMINERS)


@token_class("pronouns")
def pronoun(view: TokenView) -> Array:
    """she, it, their, who, ...

    Example: ·she ·saw ·it -> marks 0 and 2.
    """
    return _word_flags(view, PRONOUNS)


@token_class("prepositions")
def preposition(view: TokenView) -> Array:
    """of, in, with, behind, ...

    Example: ·cat ·in ·bed -> marks 1.
    """
    return _word_flags(view, PREPOSITIONS)


@token_class("conjunctions")
def conjunction(view: TokenView) -> Array:
    """and, but, because, when, ...

    Example: ·cat ·and ·dog -> marks 1.
    """
    return _word_flags(view, CONJUNCTIONS)


@token_class("auxiliary verbs")
def auxiliary(view: TokenView) -> Array:
    """is, had, could, not, ...

    Example: ·he ·is ·not ·late -> marks 1 and 2.
    """
    return _word_flags(view, AUXILIARIES)


@token_class("function words")
def function_word(view: TokenView) -> Array:
    """Determiners, pronouns, prepositions, conjunctions and auxiliary verbs.

    Example: ·she ·saw ·the ·cat -> marks 0 and 2.
    """
    return _word_flags(view, DETERMINERS | PRONOUNS | PREPOSITIONS | CONJUNCTIONS | AUXILIARIES)


@token_class("content words")
def content_word(view: TokenView) -> Array:
    """Tokens that begin with a letter, after blanks, and are no function words.

    Example: ·she ·saw ·the ·cat -> marks 1 and 3.
    """
    return _flags(view, lambda p: p.strip()[:1].isalpha()) * (1 - function_word(view))


@token_class("verbs")
def verb_like(view: TokenView) -> Array:
    """Content words that end in -ed or -ing, and the commonest verbs.

    Example: ·she ·walked ·to ·bed -> marks 1.
    """
    words = view.words_so_far
    endings = np.array([len(w) > 4 and w.endswith(("ed", "ing")) for w in words], dtype=np.float32)
    return np.maximum(endings, _word_flags(view, COMMON_VERBS)) * content_word(view)


@token_class("programming keywords")
def keyword(view: TokenView) -> Array:
    """Words that many programming languages reserve: def, return, const, SELECT, ...

    Example: def ·f ·return -> marks 0 and 2.
    """
    return _word_flags(view, KEYWORDS)


@token_class("single characters")
def single_character(view: TokenView) -> Array:
    """Tokens of one letter, but for blanks.

    Example: ·x ·ab 7 -> marks 0.
    """
    return _flags(view, lambda p: len(p.strip()) == 1 and p.strip().isalpha())


@token_class("long pieces")
def long_piece(view: TokenView) -> Array:
    """Tokens of seven or more characters without the blanks around them.

    Example: ·another ·cat -> marks 0.
    """
    return _flags(view, lambda p: len(p.strip()) >= 7)


@token_class("new tokens")
def first_occurrence(view: TokenView) -> Array:
    """Tokens whose id did not occur before in the text.

    Example: a b a c -> marks 0, 1 and 3.
    """
    seen: set[int] = set()
    flags = np.zeros(view.n, dtype=np.float32)
    for position, token in enumerate(view.ids):
        flags[position] = token not in seen
        seen.add(token)
    return flags


@token_class("the first of each frequent token")
def frequent_first(view: TokenView) -> Array:
    """First occurrences in the text of very frequent tokens (the, a, of, a comma, a full stop, a blank, ...).

    Example: ·the ·cat ·the , -> marks 0 and 3.
    """
    return first_occurrence(view) * _word_flags(view, FREQUENT)


@token_class("articles")
def article(view: TokenView) -> Array:
    """the, a, an.

    Example: ·the ·this ·An -> marks 0 and 2.
    """
    return _word_flags(view, ARTICLES)


@token_class("openings of sentences")
def sentence_opener(view: TokenView) -> Array:
    """First tokens of sentences: the first of the text, and those after a full stop or line break.

    Example: ·a . ·b ↵ c -> marks 0, 2 and 4.
    """
    ends = np.maximum(view.vector("full_stop"), view.vector("newline"))
    return np.concatenate([[1.0], ends])[: view.n]


@token_class("tokens after the first sentence")
def past_first_sentence(view: TokenView) -> Array:
    """Tokens behind the first full stop or line break of the text.

    Example: ·a . ·b . ·c -> marks 2, 3 and 4.
    """
    ends = np.maximum(view.vector("full_stop"), view.vector("newline"))
    return (np.cumsum(ends) - ends > 0).astype(np.float32)


@token_class("the first full stop")
def first_full_stop(view: TokenView) -> Array:
    """The first token of the class ``full_stop`` in the text.

    Example: ·a . ·b ! -> marks 1.
    """
    return _first(view.vector("full_stop"))


@token_class("governed 'the'")
def governed_the(view: TokenView) -> Array:
    """Each `` the`` right after a preposition or a content word (in the, found the), but not as the second token.

    Example: ·the ·cat ·in ·the ·is ·the -> marks 3.
    """
    before = np.concatenate([[0.0], np.maximum(view.vector("preposition"), view.vector("content_word"))])[: view.n]
    return before * _flags(view, lambda p: p == " the") * (np.arange(view.n) >= 2)


@token_class("the first bare blank")
def first_blank(view: TokenView) -> Array:
    """The first token of one blank that follows no auxiliary verb, conjunction or comma: often before a number.

    Example: ·is · 7 · -> marks 3.
    """
    refused = np.maximum.reduce([view.vector(name) for name in ("auxiliary", "conjunction", "comma")])
    free = np.concatenate([[1.0], 1 - refused])[: view.n]
    return _first(free * _flags(view, lambda p: p == " "))


@token_class("resting places")
def resting_place(view: TokenView) -> Array:
    """Where idle attention rests beside the first token: each ``governed_the``, and ``first_blank``.

    Example: ·cat ·in ·the = · ·on ·the -> marks 2, 4 and 6.
    """
    return np.maximum(view.vector("governed_the"), view.vector("first_blank"))


@token_class("the second sink")
def second_sink(view: TokenView) -> Array:
    """The first ``resting_place`` of the text: after the first token, where most idle attention rests.

    Example: ·cat ·in ·the = · ·on ·the -> marks 2.
    """
    return _first(view.vector("resting_place"))


@token_class("rare tokens", graded=True)
def rarity(view: TokenView) -> Array:
    """log2(1 + id) / 16: byte-pair vocabularies list frequent tokens first, so that the id grows with rarity.

    Example: ids 0 255 65535 -> is 0 0.50 1.
    """
    return (np.log2(1.0 + np.asarray(view.ids)) / 16).astype(np.float32)


@token_class("long tokens", graded=True)
def token_length(view: TokenView) -> Array:
    """log2(1 + characters without the blanks around them) / 4.

    Example: ·a ·cat , ↵ -> is 0.25 0.50 0.25 0.
    """
    return np.array([np.log2(1.0 + len(piece.strip())) / 4 for piece in view.pieces], dtype=np.float32)


def _register_opening(tokens: int) -> None:
    def term(view: TokenView) -> Array:
        return (np.arange(view.n) < tokens).astype(np.float32)

    term.__name__ = f"opening_{tokens}"
    term.__doc__ = (
        f"The first {tokens} tokens of the text: positions below {tokens}.\n\n"
        f"Example: {tokens + 3} tokens -> marks 0 to {tokens - 1}."
    )
    token_class(f"the first {tokens} tokens")(term)


for _tokens in (4, 8, 16, 32):
    _register_opening(_tokens)
