"""The vocabulary as named in prompts: the names of version 1, so that recorded replies still match them."""

import re

from attention_programs.programs.vocabulary import PATTERNS, TOKEN_FEATURES

_NAMES = {term.name: term.former for terms in (PATTERNS, TOKEN_FEATURES) for term in terms.values() if term.former}
_PHRASES = {
    "'the' after prepositions": "governed 'the'",
    "sink candidates": "resting places",
    "the first bare space": "the first bare blank",
    "the last whitespace": "the last blank",
    "the secondary sink": "the second sink",
    "whitespace": "blanks",
}
_PHRASE = re.compile(rf"(?<![\w'])({'|'.join(map(re.escape, _PHRASES))})(?!\w)")


def in_prompts(text: str) -> str:
    """A text with each renamed term under its former name, which programs may still use.

    >>> in_prompts("text.key.secondary_sink * text.log_distance")
    'text.key.second_sink * text.log_distance'
    """
    return re.sub(r"\w+", lambda word: _NAMES.get(word[0], word[0]), text)


def description_in_prompts(text: str) -> str:
    """A program's description with the former phrases of renamed terms.

    >>> description_in_prompts("Attends to 'the' after prepositions, the secondary sink when far and whitespace.")
    "Attends to governed 'the', the second sink when far and blanks."
    """
    return in_prompts(_PHRASE.sub(lambda phrase: _PHRASES[phrase[0]], text))
