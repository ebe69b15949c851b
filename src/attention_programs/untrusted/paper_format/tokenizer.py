"""A tokenizer that knows only one text, with the interface of transformers' tokenizers."""

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import accumulate
from typing import Any

import numpy as np

from attention_programs.untrusted.paper_format.encoded_batch import Encoding, Tensor
from attention_programs.untrusted.paper_format.sentence import PaperText
from attention_programs.untrusted.paper_format.stub import Stub

_ROLES = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
_BYTE_LEVEL_WORDS = re.compile(r"'(?:[sdmt]|ll|ve|re)| ?[^\W\d_]+| ?\d+| ?(?:[^\s\w]|_)+|\s+(?!\S)|\s+")
"""How GPT-2's tokenizer splits a text into words."""
_SPACED_WORDS = re.compile(" [^ ]*|[^ ]+")


class Tokenizer(Stub):
    """The tokenizer of one text.

    It encodes the text's sentence, and strings that are a run of its tokens, possibly with a leading space added or
    removed; other strings, tokens and ids raise a ValueError. Unknown options (padding, truncation) are ignored.
    """

    stands_for = "a tokenizer"
    is_fast = True
    padding_side = "right"
    model_max_length = 1_000_000

    def __init__(self, text: PaperText) -> None:
        self._text = text
        self._id_of = dict(zip(text.tokens, text.ids, strict=True))
        self._token_of = dict(zip(text.ids, text.tokens, strict=True))
        self._token_string_of = dict(zip(text.ids, text.token_strings, strict=True))
        self._special = [token_string in text.style.special for token_string in text.token_strings]
        self._plain = [i for i, special in enumerate(self._special) if not special]
        self.vocab_size = text.style.vocabulary_size
        self.all_special_tokens = list(text.style.special)
        self.all_special_ids = [self._id_of[token] for token in text.style.special if token in self._id_of]
        self.special_tokens_map = dict(text.style.roles)
        for role in _ROLES:
            token = text.style.roles.get(role)
            setattr(self, role, token)
            setattr(self, f"{role}_id", self._id_of.get(token) if token else None)

    def __len__(self) -> int:
        return self.vocab_size

    def __bool__(self) -> bool:
        return True

    def __call__(
        self,
        text: str | Sequence[str],
        text_pair: None = None,
        add_special_tokens: bool = True,
        return_tensors: str | None = None,
        return_offsets_mapping: bool = False,
        **_: Any,
    ) -> Encoding:
        """Encodes one or more strings.

        Raises:
            ValueError: if a string is not in the text, or strings of different lengths would fill an array.
        """
        if text_pair is not None:
            raise ValueError("pairs of strings are not encoded here")
        strings = [text] if isinstance(text, str) else list(text)
        rows = [self._positions(string, add_special_tokens) for string in strings]
        columns: dict[str, Any] = {
            "input_ids": [[self._text.ids[i] for i in row] for row in rows],
            "attention_mask": [[1 for _ in row] for row in rows],
        }
        if return_offsets_mapping:
            columns["offset_mapping"] = [self._offsets(row) for row in rows]
        if return_tensors:
            columns = {name: np.array(column, dtype=np.int64).view(Tensor) for name, column in columns.items()}
        elif isinstance(text, str):
            columns = {name: column[0] for name, column in columns.items()}
        first = rows[0] if rows else []
        return Encoding(columns, [self._text.tokens[i] for i in first], partial(self._words, first))

    encode_plus = __call__

    def encode(self, text: str, add_special_tokens: bool = True, return_tensors: str | None = None, **_: Any) -> Any:
        """The ids of a string, as a list or a one-row array."""
        return self(text, add_special_tokens=add_special_tokens, return_tensors=return_tensors)["input_ids"]

    def tokenize(self, text: str, add_special_tokens: bool = False, **_: Any) -> list[str]:
        """The tokens of a string."""
        return self(text, add_special_tokens=add_special_tokens).tokens()

    def tokens(self) -> list[str]:
        """All tokens of the text."""
        return list(self._text.tokens)

    def decode(self, token_ids: Any, skip_special_tokens: bool = False, **_: Any) -> str:
        """The string of a sequence of ids."""
        numbers = np.atleast_1d(np.asarray(token_ids)).tolist()
        token_strings = [self._find(self._token_string_of, number, "id") for number in numbers]
        if skip_special_tokens:
            token_strings = [
                token_string for token_string in token_strings if token_string not in self._text.style.special
            ]
        string = "".join(token_strings)
        return string if self._text.style.kind == "byte-level" else string.removeprefix(" ")

    def batch_decode(self, sequences: Any, skip_special_tokens: bool = False, **_: Any) -> list[str]:
        """The string of each item."""
        return [self.decode(ids, skip_special_tokens) for ids in sequences]

    def convert_ids_to_tokens(self, ids: Any, skip_special_tokens: bool = False) -> Any:
        """The token of an id, or the tokens of a list or array of ids."""
        numbers = np.asarray(ids).tolist()
        if not isinstance(numbers, list):
            return self._find(self._token_of, numbers, "id")
        tokens = [self._find(self._token_of, number, "id") for number in numbers]
        return [token for token in tokens if not (skip_special_tokens and token in self._text.style.special)]

    def convert_tokens_to_ids(self, tokens: str | Sequence[str]) -> Any:
        """The id of a token, or the ids of several."""
        if isinstance(tokens, str):
            return self._find(self._id_of, tokens, "token")
        return [self._find(self._id_of, token, "token") for token in tokens]

    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """The string of a sequence of tokens."""
        return self.decode(self.convert_tokens_to_ids(tokens))

    @classmethod
    def from_pretrained(cls, name: str, *_: Any, **__: Any) -> "Tokenizer":
        """Always raises a ValueError, as no other tokenizer is available here."""
        raise ValueError(f"tokenizer {name!r} can't be loaded here; use the one that the program is given")

    def _positions(self, string: str, special: bool) -> list[int]:
        if string == self._text.sentence:
            return list(range(len(self._text.ids))) if special else self._plain
        spellings = (string, f" {string}", string.strip()) if string else ()
        found = next(filter(None, map(self._run, spellings)), [])
        if not found and string:
            raise ValueError(
                f"{_short(string)} is no run of tokens of the text, and this tokenizer knows the text alone"
            )
        if not special or not self._plain:
            return found
        return [*range(self._plain[0]), *found, *range(self._plain[-1] + 1, len(self._text.ids))]

    def _run(self, string: str) -> list[int]:
        for start, token_string in enumerate(self._text.token_strings):
            joined, end = token_string, start + 1
            while len(joined) < len(string) and end < len(self._text.token_strings):
                joined += self._text.token_strings[end]
                end += 1
            if joined == string:
                return list(range(start, end))
        return []

    def _offsets(self, row: Sequence[int]) -> list[tuple[int, int]]:
        shift = next((self._text.offsets[i][0] for i in row if not self._special[i]), 0)
        spans = ((i, *self._text.offsets[i]) for i in row)
        return [(0, 0) if self._special[i] else (start - shift, end - shift) for i, start, end in spans]

    def _words(self, row: Sequence[int]) -> list[int | None]:
        token_strings = ["" if self._special[i] else self._text.token_strings[i] for i in row]
        words = _BYTE_LEVEL_WORDS if self._text.style.kind == "byte-level" else _SPACED_WORDS
        starts = [match.start() for match in words.finditer("".join(token_strings))]
        ends = accumulate(map(len, token_strings))
        return [
            bisect_right(starts, end - 1) - 1 if token_string else None
            for token_string, end in zip(token_strings, ends, strict=True)
        ]

    def _find(self, table: Mapping[Any, Any], key: Any, kind: str) -> Any:
        if key not in table:
            raise ValueError(f"{kind} {_short(key)} is none of the text's, and this tokenizer knows the text alone")
        return table[key]


def _short(value: Any) -> str:
    written = repr(value)
    return written if len(written) <= 60 else written[:57] + "..."
