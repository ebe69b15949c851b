"""Token features of words and their parts, from characters and closed-class word lists."""

from functools import partial

import numpy as np

from attention_programs.programs.tokens import Array, Tokens
from attention_programs.programs.vocabulary.signs import remembered, string_flags
from attention_programs.programs.vocabulary.term import Terms

TERMS = Terms("class")


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
PLACE_PREPOSITIONS = _words(
    "in on at from into onto over under through between about against behind after before off upon"
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
"""Tokens that every text repeats; the empty word is a lone space or line break."""


_starts_in_capitals = remembered(lambda p: p.strip()[:1].isupper())
_starts_a_word = remembered(lambda p: p.strip()[:1].isalnum())
_starts_with_a_letter = remembered(lambda p: p.strip()[:1].isalpha())
_is_one_letter = remembered(lambda p: len(p.strip()) == 1 and p.strip().isalpha())
_is_long = remembered(lambda p: len(p.strip()) >= 7)


def word_flags(view: Tokens, words: frozenset[str]) -> Array:
    """1 for tokens whose word so far is one of ``words``, shape (n,)."""
    return np.array([word in words for word in view.words_so_far], dtype=np.float32)


@TERMS.add("capitalised words", "Tom ·tom ·I -> marks 0 and 2.")
def capitalised(view: Tokens) -> Array:
    """Tokens that begin with a capital letter."""
    return string_flags(view, _starts_in_capitals)


@TERMS.add("names", "Then ·Tom . ·He -> marks 1.")
def name_like(view: Tokens) -> Array:
    """Capitalised tokens inside a sentence, where a capital means a name."""
    before = np.concatenate([[0.0], view.vector("full_stop") + view.vector("newline") + view.vector("quote")])[:-1]
    before[view.text_start : view.text_start + 1] = 1
    return (capitalised(view) * (before == 0)).astype(np.float32)


@TERMS.add("starts of words", "·un able , ·cat -> marks 0 and 3.")
def word_start(view: Tokens) -> Array:
    """First pieces of words: they begin with a letter or digit and no letter or digit touches them in front."""
    starts = np.zeros(view.n, dtype=np.float32)
    starts[np.unique(view.word_starts)] = 1
    return starts * string_flags(view, _starts_a_word)


@TERMS.add("later pieces of words", "·un able , ·cat -> marks 1.")
def word_continuation(view: Tokens) -> Array:
    """Pieces of words after the first: a letter or digit touches them in front."""
    return (view.word_starts < np.arange(view.n)).astype(np.float32)


for _name, _phrase, _words_of_it, _summary, _example in (
    ("determiner", "determiners", DETERMINERS, "the, a, this, every, ...", "·this ·cat ·the -> marks 0 and 2."),
    ("pronoun", "pronouns", PRONOUNS, "she, it, their, who, ...", "·she ·saw ·it -> marks 0 and 2."),
    ("preposition", "prepositions", PREPOSITIONS, "of, in, with, behind, ...", "·cat ·in ·bed -> marks 1."),
    ("conjunction", "conjunctions", CONJUNCTIONS, "and, but, because, when, ...", "·cat ·and ·dog -> marks 1."),
    ("auxiliary", "auxiliary verbs", AUXILIARIES, "is, had, could, not, ...", "·he ·is ·not ·late -> marks 1 and 2."),
):
    TERMS.define(_name, _phrase, partial(word_flags, words=_words_of_it), _summary, _example)


@TERMS.add("function words", "·she ·saw ·the ·cat -> marks 0 and 2.")
def function_word(view: Tokens) -> Array:
    """Determiners, pronouns, prepositions, conjunctions and auxiliary verbs."""
    return word_flags(view, DETERMINERS | PRONOUNS | PREPOSITIONS | CONJUNCTIONS | AUXILIARIES)


@TERMS.add("content words", "·she ·saw ·the ·cat -> marks 1 and 3.")
def content_word(view: Tokens) -> Array:
    """Tokens that begin with a letter, after whitespace, and are no function words."""
    return string_flags(view, _starts_with_a_letter) * (1 - function_word(view))


@TERMS.add("verbs", "·she ·walked ·to ·bed -> marks 1.")
def verb_like(view: Tokens) -> Array:
    """Content words that end in -ed or -ing, and the commonest verbs."""
    words = view.words_so_far
    endings = np.array([len(w) > 4 and w.endswith(("ed", "ing")) for w in words], dtype=np.float32)
    return np.maximum(endings, word_flags(view, COMMON_VERBS)) * content_word(view)


@TERMS.add("programming keywords", "def ·f ·return -> marks 0 and 2.")
def keyword(view: Tokens) -> Array:
    """Words that many programming languages reserve: def, return, const, SELECT, ..."""
    return word_flags(view, KEYWORDS)


@TERMS.add("single characters", "·x ·ab 7 -> marks 0.")
def single_character(view: Tokens) -> Array:
    """Tokens of one letter, but for whitespace."""
    return string_flags(view, _is_one_letter)


@TERMS.add("long pieces", "·another ·cat -> marks 0.")
def long_piece(view: Tokens) -> Array:
    """Tokens of seven or more characters without the whitespace around them."""
    return string_flags(view, _is_long)
