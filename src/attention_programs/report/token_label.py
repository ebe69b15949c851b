"""Token labels next to a pattern, in figures and in the terminal."""

MARKS = {"\n": "↵", "\t": "⇥", " ": "·"}
"""Visible stand-ins for whitespace."""


def token_label(token_string: str) -> str:
    r"""A token's label: whitespace made visible, other control characters replaced, cut to 12 characters.

    >>> token_label(" dog"), token_label("\n\n"), token_label("\x00")
    ('·dog', '↵↵', '�')
    """
    marked = "".join(MARKS.get(character, character) for character in token_string)
    marked = "".join(character if character.isprintable() else "\ufffd" for character in marked)
    return marked if len(marked) <= 12 else marked[:11] + "…"
