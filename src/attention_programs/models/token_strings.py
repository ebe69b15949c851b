"""The string of each token, from its id alone.

Programs must see the same strings when patterns are extracted and when the patched model runs, where only ids are
known. So each string comes from its id, and the character offsets come from the strings.
"""

from collections.abc import Sequence
from typing import Any

from attention_programs.models.token_style import TokenStyle


def byte_alphabet() -> dict[str, int]:
    """The inverse of GPT-2's byte alphabet: printable characters that byte-level tokenizers write for bytes."""
    plain = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in plain]
    alphabet = {chr(byte): byte for byte in plain}
    return alphabet | {chr(256 + rank): byte for rank, byte in enumerate(others)}


class TokenStrings:
    """Maps token ids to strings; a word keeps its leading space (``" dog"``).

    The tokenizer's decoder tells whether the vocabulary is byte-level, SentencePiece-like or WordPiece. Part of a
    character that is split over several tokens shows as the replacement character; a token that was added to a
    byte-level vocabulary shows verbatim.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._known: dict[int, str] = {}
        style = TokenStyle.of(tokenizer)
        self._literal = {*style.special, *style.plain}
        self._bytes = byte_alphabet() if style.kind == "byte-level" else {}
        self._word_piece = style.kind == "wordpiece"

    def __call__(self, ids: Sequence[int]) -> tuple[str, ...]:
        """The string of each id."""
        missing = [i for i in dict.fromkeys(ids) if i not in self._known]
        for token_id, token in zip(missing, self._tokenizer.convert_ids_to_tokens(missing), strict=True):
            self._known[token_id] = self._token_string(token)
        return tuple(self._known[i] for i in ids)

    def _token_string(self, token: str | None) -> str:
        if token is None:
            return "\ufffd"
        if token in self._literal:
            return token
        if self._bytes and all(character in self._bytes for character in token):
            return bytes(self._bytes[character] for character in token).decode("utf-8", errors="replace")
        if self._word_piece:
            return token[2:] if token.startswith("##") else " " + token
        if len(token) == 6 and token.startswith("<0x") and token.endswith(">"):
            return bytes([int(token[3:5], 16)]).decode("utf-8", errors="replace")
        return token.replace("▁", " ")
