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
    "whitespace picks": "blanks pick",
    "of one space that": "of one blank that",
    "a full stop, a space, ...": "a full stop, a blank, ...",
    "Tokens that may be a secondary attention sink:": "Where idle attention rests beside the first token:",
    "after the first token, the strongest attention sink.": "after the first token, where most idle attention rests.",
    "The first token, the attention sink of most heads": "The first token, where idle heads rest (the attention sink)",
}
_PHRASE = re.compile(rf"(?<![\w'`])({'|'.join(map(re.escape, sorted(_PHRASES, key=len, reverse=True)))})(?!\w)")


def in_prompts(text: str) -> str:
    """A text with each renamed term under its former name, which programs may still use.

    >>> in_prompts("text.key.secondary_sink * text.log_distance")
    'text.key.second_sink * text.log_distance'
    """
    return re.sub(r"\w+", lambda word: _NAMES.get(word[0], word[0]), text)


def description_in_prompts(text: str) -> str:
    """A description of a program or term with the former phrases of renamed terms.

    >>> description_in_prompts("Attends to 'the' after prepositions, the secondary sink when far and whitespace.")
    "Attends to governed 'the', the second sink when far and blanks."
    """
    return in_prompts(_PHRASE.sub(lambda phrase: _PHRASES[phrase[0]], text))
