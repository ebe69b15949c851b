"""Taking a key out of whatever an endpoint sends back, however it is spelled there."""

import base64
import html.entities
import re
from collections.abc import Iterator

REMOVED = "[key removed]"
SHORTEST_SECRET = 16
"""Characters from which on a key is looked for everywhere. Shorter ones are words like ``x``, ``token`` or ``EMPTY``,
which servers at home ask for and which replies hold for other reasons."""
_SHORTEST_WORD = 8
"""Characters from which on a shorter key is still looked for in errors, as a word of its own."""
_NAMES = {chr(code): name for name, code in html.entities.name2codepoint.items()}


class Redaction:
    """Finds a key in its own letters, escaped (JSON, percent signs, HTML, also one inside another), in base64 and hex.

    Args:
        key: The key; of printable ASCII characters.
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
            text: Anything that an endpoint sent, before or after its escapes are read.
            of_an_error: Whether it is no reply of a model: a short key is taken out there alone.
        """
        return self._pattern.sub(REMOVED, text) if self._anywhere or of_an_error else text


def _spellings(character: str) -> str:
    """A pattern for one character: itself or its escapes, each after backslashes.

    Numbers of repetitions are bounded: no answer may take long to look through.
    """
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
    """The key in base64, at each of the three places that it can have in what was encoded with it.

    At the ends a digit tells of the key and of its neighbour; those that tell of the key alone are looked for.
    """
    for before in range(3):
        digits = base64.b64encode(bytes(before) + key).decode().rstrip("=")
        whole = digits[-(-before * 8 // 6) : (before + len(key)) * 8 // 6]
        yield whole
        yield whole.translate(str.maketrans("+/", "-_"))


def _wrapped(form: str) -> str:
    """A pattern for base64, which may be broken into lines and whose signs may be escaped."""
    letters = (_spellings(character) if not character.isalnum() else character for character in form)
    return r"(?:\s|\\{1,8}[rn]){0,4}".join(letters)
