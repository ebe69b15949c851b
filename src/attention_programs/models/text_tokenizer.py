"""From text to token ids: the text's own, and those that the tokenizer puts around it."""

import json
from dataclasses import dataclass
from typing import Any

from tokenizers import Tokenizer

from attention_programs.errors import UserError
from attention_programs.models.token_style import special_tokens

_PROBE = "The cat saw 12 dogs."
_CHARACTERS = 16
"""Characters per requested token in the first prefix that is tokenised: more than most texts need."""
_NEVER_WRITTEN = "\U0010ffff"
"""A code point that Unicode reserves as a non-character."""


class TextTokenizer:
    """Gives the ids of a text's own tokens: nothing around them, nothing truncated, and no special tokens.

    If a text contains the characters of a special token, like ``</s>``, they become ordinary tokens.

    Args:
        tokenizer: A fast transformers tokenizer.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._backend = Tokenizer.from_str(json.dumps(_unmentionable(tokenizer)))
        self._backend.encode_special_tokens = True

    def __call__(self, content: str) -> list[int]:
        """The token ids of a text."""
        ids: list[int] = self._backend.encode(content, add_special_tokens=False).ids
        return ids

    def first(self, content: str, count: int) -> list[int]:
        """The ids of the text's first ``count`` tokens, at a cost that depends on ``count`` and not on the text.

        Tokenises longer and longer prefixes of the text, each twice as long as the one before. The tokens of a prefix
        count only up to its last word, which the cut may have changed (a word is a part of the text that the tokenizer
        splits on its own). They are accepted if two longer prefixes give the same: one longer by a single character,
        which catches words that depend on how many digits follow, and one twice as long.

        The ids are exact for a tokenizer whose words depend on nothing farther away. A text of a single word (a run
        of letters, or a tokenizer without a rule for words) is read to its end, which is exact, too.
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
    """The tokenizer's serialised form, with special tokens respelled so that no text can contain them.

    Splitting them before the model (``encode_special_tokens``) is not enough: Unigram and word-level vocabularies
    find them again. The unknown token keeps its spelling, as the model refers to it by name, and so do tokens that
    take part in merges.
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
    """The ids of the special tokens that a tokenizer puts around a text."""

    opening: tuple[int, ...]
    closing: tuple[int, ...] = ()

    @property
    def tokens(self) -> int:
        """How many there are."""
        return len(self.opening) + len(self.closing)

    @classmethod
    def of(cls, tokenizer: Any, own: TextTokenizer) -> "Template":
        """Finds a text's own tokens within the tokenizer's output.

        Raises:
            UserError: if they are not contiguous.
        """
        whole: list[int] = tokenizer(_PROBE, truncation=False, padding=False).input_ids
        text = own(_PROBE)
        for start in range(len(whole) - len(text), -1, -1):
            if whole[start : start + len(text)] == text:
                return cls(tuple(whole[:start]), tuple(whole[start + len(text) :]))
        raise UserError(
            f"the tokenizer {type(tokenizer).__name__} puts special tokens into the text, not only around it; "
            "choose a model whose tokenizer does not"
        )
