"""Removing the API key from whatever an endpoint sends back, however it is encoded there."""

import base64
import html.entities
import re
from collections.abc import Iterator

REMOVED = "[key removed]"
SHORTEST_SECRET = 16
"""Minimum length of keys that are removed everywhere. Shorter ones are words such as ``x``, ``token`` or ``EMPTY``,
which local servers ask for and which occur in replies for other reasons."""
_SHORTEST_WORD = 8
"""Minimum length of keys that are at least removed from errors, as separate words."""
_NAMES = {chr(code): name for name, code in html.entities.name2codepoint.items()}


class Redaction:
    """Finds a key in plain text, escaped (JSON, percent, HTML, also nested), and in base64 and hex.

    Args:
        key: The key, in printable ASCII.
    """

    def __init__(self, key: str) -> None:
        spelled = "".join(_spellings(character) for character in key)
        self._anywhere = len(key) >= SHORTEST_SECRET
        if self._anywhere:
            encoded = key.encode()
            pattern = "|".join([spelled, encoded.hex(), *(_wrapped(form) for form in _base64_forms(encoded))])
        elif len(key) >= _SHORTEST_WORD:
            pattern = rf"(?<![A-Za-z0-9]){spelled}(?![A-Za-z0-9])"
        else:
            pattern = r"(?!)"  # matches nothing
        self._pattern = re.compile(pattern, re.IGNORECASE)

    def clean(self, text: str, of_an_error: bool) -> str:
        """The text without the key.

        Args:
            text: Anything that an endpoint sent, escaped or unescaped.
            of_an_error: Whether it is an error rather than a reply: short keys are removed only from errors.
        """
        return self._pattern.sub(REMOVED, text) if self._anywhere or of_an_error else text


def _spellings(character: str) -> str:
    """A pattern for a character or its escapes; repetitions are bounded so that scanning an answer stays fast."""
    code = ord(character)
    escapes = [
        re.escape(character),
        rf"u00{code:02x}",
        rf"x{code:02x}",
        rf"%(?:25){{0,4}}{code:02x}",
        rf"(?:&amp;|&)#0{{0,4}}{code};",
        rf"(?:&amp;|&)#x0{{0,4}}{code:x};",
    ]
    if character in _NAMES:
        escapes.append(rf"(?:&amp;|&){_NAMES[character]};")
    return rf"(?:\\{{0,8}}(?:{'|'.join(escapes)}))"


def _base64_forms(key: bytes) -> Iterator[str]:
    """The key in base64 at each of its three offsets, without the digits that also depend on its neighbours."""
    for before in range(3):
        digits = base64.b64encode(bytes(before) + key).decode().rstrip("=")
        whole = digits[-(-before * 8 // 6) : (before + len(key)) * 8 // 6]
        yield whole
        yield whole.translate(str.maketrans("+/", "-_"))


def _wrapped(form: str) -> str:
    """A pattern for base64 that may be wrapped into lines and whose special characters may be escaped."""
    letters = (_spellings(character) if not character.isalnum() else character for character in form)
    return r"(?:\s|\\{1,8}[rn]){0,4}".join(letters)
