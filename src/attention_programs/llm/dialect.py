"""The vocabulary as prompts name it: under the names of version 1, so that recorded replies go on answering them."""

import re

from attention_programs.programs.vocabulary import CLASSES, PATTERNS

_NAMES = {term.name: term.former for terms in (PATTERNS, CLASSES) for term in terms.values() if term.former}


def in_prompts(text: str) -> str:
    """A text with each term that was renamed under its former name, which programs may go on using.

    >>> in_prompts("text.key.secondary_sink * text.log_distance")
    'text.key.second_sink * text.log_distance'
    """
    return re.sub(r"\w+", lambda word: _NAMES.get(word[0], word[0]), text)
