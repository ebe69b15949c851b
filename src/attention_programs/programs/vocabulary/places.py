"""Token features of position and use: new and frequent tokens, openings, attention sinks, rarity, length."""

import numpy as np

from attention_programs.programs.tokens import Array, Tokens
from attention_programs.programs.vocabulary.signs import string_flags
from attention_programs.programs.vocabulary.term import Compute, Terms
from attention_programs.programs.vocabulary.words import ARTICLES, FREQUENT, PLACE_PREPOSITIONS, word_flags

TERMS = Terms("class")


def _first(flags: Array) -> Array:
    """Keeps the first flag.

    >>> _first(np.array([0.0, 1.0, 1.0])).tolist()
    [0.0, 1.0, 0.0]
    """
    return (flags * (np.cumsum(flags) == 1)).astype(np.float32)


@TERMS.add("new tokens", "a b a c -> marks 0, 1 and 3.")
def first_occurrence(view: Tokens) -> Array:
    """Tokens whose id did not occur before in the text."""
    flags = np.zeros(view.n, dtype=np.float32)
    flags[np.unique(view.ids, return_index=True)[1]] = 1
    return flags


@TERMS.add("the first of each frequent token", "·the ·cat ·the , -> marks 0 and 3.")
def frequent_first(view: Tokens) -> Array:
    """First occurrences in the text of very frequent tokens (the, a, of, a comma, a full stop, a space, ...)."""
    return first_occurrence(view) * word_flags(view, FREQUENT)


# Not in words.py, because the search breaks ties by the order of the terms.
@TERMS.add("articles", "·the ·this ·An -> marks 0 and 2.")
def article(view: Tokens) -> Array:
    """the, a, an."""
    return word_flags(view, ARTICLES)


@TERMS.add("openings of sentences", "·a . ·b ↵ c -> marks 0, 2 and 4.")
def sentence_opener(view: Tokens) -> Array:
    """First tokens of sentences: the first of the text, and those after a full stop or line break."""
    ends = np.maximum(view.vector("full_stop"), view.vector("newline"))
    openers = np.concatenate([[0.0], ends])[: view.n]
    openers[view.text_start : view.text_start + 1] = 1
    return openers


@TERMS.add("tokens after the first sentence", "·a . ·b . ·c -> marks 2, 3 and 4.")
def past_first_sentence(view: Tokens) -> Array:
    """Tokens behind the first full stop or line break of the text."""
    ends = np.maximum(view.vector("full_stop"), view.vector("newline"))
    return (np.cumsum(ends) - ends > 0).astype(np.float32)


@TERMS.add("the first full stop", "·a . ·b ! -> marks 1.")
def first_full_stop(view: Tokens) -> Array:
    """The first token of the class ``full_stop`` in the text."""
    return _first(view.vector("full_stop"))


@TERMS.add("'the' after prepositions", "·the ·cat ·in ·the ·is ·the -> marks 3.", former="governed_the")
def the_after_preposition(view: Tokens) -> Array:
    """Each `` the`` right after a preposition or a content word (in the, found the), but not as the second token."""
    before = np.concatenate([[0.0], np.maximum(view.vector("preposition"), view.vector("content_word"))])[: view.n]
    return before * string_flags(view, " the".__eq__) * (view.positions >= 2)


@TERMS.add("'the' after prepositions of place", "·the ·cat ·in ·the ·of ·the -> marks 3.", recorded=False)
def the_after_place(view: Tokens) -> Array:
    """Each `` the`` right after a preposition of place or time: in, on, from, through, but not of, to or by."""
    before = np.concatenate([[0.0], word_flags(view, PLACE_PREPOSITIONS)])[: view.n]
    return before * string_flags(view, " the".__eq__)


@TERMS.add("the first bare space", "·is · 7 · -> marks 3.", former="first_blank")
def first_space(view: Tokens) -> Array:
    """The first token of one space that follows no auxiliary verb, conjunction or comma: often before a number."""
    refused = np.maximum.reduce([view.vector(name) for name in ("auxiliary", "conjunction", "comma")])
    free = np.concatenate([[1.0], 1 - refused])[: view.n]
    return _first(free * string_flags(view, " ".__eq__))


@TERMS.add("sink candidates", "·cat ·in ·the = · ·on ·the -> marks 2, 4 and 6.", former="resting_place")
def sink_candidate(view: Tokens) -> Array:
    """Tokens that may be a secondary attention sink: each ``the_after_preposition``, and ``first_space``."""
    return np.maximum(view.vector("the_after_preposition"), view.vector("first_space"))


@TERMS.add("the secondary sink", "·cat ·in ·the = · ·on ·the -> marks 2.", former="second_sink")
def secondary_sink(view: Tokens) -> Array:
    """The first ``sink_candidate`` of the text: after the first token, the strongest attention sink."""
    return _first(view.vector("sink_candidate"))


@TERMS.add("rare tokens", "ids 0 255 65535 -> is 0 0.50 1.", continuous=True)
def rarity(view: Tokens) -> Array:
    """log2(1 + id) / 16: byte-pair vocabularies list frequent tokens first, so that the id grows with rarity."""
    return (np.log2(1.0 + np.asarray(view.ids)) / 16).astype(np.float32)


@TERMS.add("long tokens", "·a ·cat , ↵ -> is 0.25 0.50 0.25 0.", continuous=True)
def token_length(view: Tokens) -> Array:
    """log2(1 + characters without the whitespace around them) / 4."""
    return np.array([np.log2(1.0 + len(string.strip())) / 4 for string in view.token_strings], dtype=np.float32)


def _first_tokens(count: int) -> Compute:
    return lambda view: (view.positions < count).astype(np.float32)


for _count in (4, 8, 16, 32):
    TERMS.define(
        f"first_{_count}",
        f"the first {_count} tokens",
        _first_tokens(_count),
        f"The first {_count} tokens of the text: positions below {_count}.",
        f"{_count + 3} tokens -> marks 0 to {_count - 1}.",
        former=f"opening_{_count}",
    )


@TERMS.add("special tokens", "<s> ·a ·b </s> -> marks 0 and 3.")
def special(view: Tokens) -> Array:
    """Special tokens of the tokenizer: around a text, a mask in it, or in place of what the vocabulary lacks.

    They are in no other class, and positions in the text are counted from the first token behind those in front of it.
    """
    return view.is_special.astype(np.float32)
