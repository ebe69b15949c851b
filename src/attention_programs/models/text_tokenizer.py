"""Texts into token ids: those of the text itself, and those that the tokenizer puts around it."""

import json
from dataclasses import dataclass
from typing import Any

from tokenizers import Tokenizer

from attention_programs.errors import UserError
from attention_programs.models.token_style import special_tokens

_PROBE = "The cat saw 12 dogs."
_CHARACTERS = 16
"""Characters for each wanted token in the first beginning of a text that is read: more than most texts need."""
_NEVER_WRITTEN = "\U0010ffff"
"""A code point that Unicode keeps out of texts for good."""


class TextTokenizer:
    """Gives the ids of a text's own tokens: nothing around them, nothing cut off, and no special token among them.

    A text that holds the characters of a special token, like ``</s>``, is cut into ordinary tokens.

    Args:
        tokenizer: A fast tokenizer of transformers.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._backend = Tokenizer.from_str(json.dumps(_unmentionable(tokenizer)))
        self._backend.encode_special_tokens = True

    def __call__(self, content: str) -> list[int]:
        """The text's token ids."""
        ids: list[int] = self._backend.encode(content, add_special_tokens=False).ids
        return ids

    def first(self, content: str, count: int) -> list[int]:
        """The ids of the text's first ``count`` tokens, at a cost that depends on ``count`` and not on the text.

        Longer and longer beginnings of the text are read, each twice as long as the one before. What one gives is taken
        if it holds the tokens before its last word, which the cut may have changed (a word is a part in which the
        tokenizer looks for tokens by itself), and if two longer beginnings give the same: one by a single character,
        which tells where words depend on how many digits follow, and one twice as long.

        The ids are exact for a tokenizer whose words depend on nothing that is farther away. A text that is one word,
        be it a run of letters or for want of a rule that makes words, is read to its end; they are exact, too.
        """
        length = _CHARACTERS * count
        while 2 * length < len(content):
            found = self._before_last_word(content[:length])[:count]
            longer = (content[: length + 1], content[: 2 * length])
            if len(found) == count and all(self(beginning)[:count] == found for beginning in longer):
                return found
            length *= 2
        return self(content)[:count]

    def _before_last_word(self, content: str) -> list[int]:
        encoding = self._backend.encode(content, add_special_tokens=False)
        last = encoding.word_ids[-1:]
        return [i for i, word in zip(encoding.ids, encoding.word_ids, strict=True) if [word] != last]


def _unmentionable(tokenizer: Any) -> dict[str, Any]:
    """The tokenizer's own description, with special tokens spelled so that no text mentions them.

    To have them cut apart in front of the model (``encode_special_tokens``) is not enough: Unigram and word
    vocabularies find them again. The token for what is unknown stays, as the model calls it by its name, and so do
    those that merges put together.
    """
    content: dict[str, Any] = json.loads(tokenizer.backend_tokenizer.to_str())
    model, vocabulary = content["model"], content["model"]["vocab"]
    merged = {part for left, right in model.get("merges", ()) for part in (left, right, left + right)}
    special = {token.content for token in special_tokens(tokenizer).values()} - merged - {model.get("unk_token")}
    names = {name: _NEVER_WRITTEN + name for name in special}
    if isinstance(vocabulary, dict):
        model["vocab"] = {names.get(token, token): i for token, i in vocabulary.items()}
    else:
        model["vocab"] = [[names.get(token, token), score] for token, score in vocabulary]
    for token in content["added_tokens"]:
        token["content"] = names.get(token["content"], token["content"])
    return {**content, "truncation": None, "padding": None, "post_processor": None}


@dataclass(frozen=True)
class Template:
    """Ids of the special tokens that a tokenizer puts around a text."""

    opening: tuple[int, ...]
    closing: tuple[int, ...] = ()

    @property
    def tokens(self) -> int:
        """How many there are."""
        return len(self.opening) + len(self.closing)

    @classmethod
    def of(cls, tokenizer: Any, own: TextTokenizer) -> "Template":
        """Finds the tokens of a text among those that the tokenizer gives for it.

        Raises:
            UserError: if they are not there in one piece.
        """
        whole: list[int] = tokenizer(_PROBE, truncation=False, padding=False).input_ids
        text = own(_PROBE)
        for start in range(len(whole) - len(text), -1, -1):
            if whole[start : start + len(text)] == text:
                return cls(tuple(whole[:start]), tuple(whole[start + len(text) :]))
        raise UserError(
            f"the tokenizer {type(tokenizer).__name__} puts special tokens into a text, not only around it; "
            "choose a model whose tokenizer does not"
        )
