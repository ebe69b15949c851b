"""How a token is written next to a pattern, drawn or in the terminal."""

MARKS = {"\n": "↵", "\t": "⇥", " ": "·"}
"""What stands for white space in a token's name."""


def token_label(token_string: str) -> str:
    r"""A token as it is written on an axis: white space made visible, other control characters replaced, cut.

    >>> token_label(" dog"), token_label("\n\n"), token_label("\x00")
    ('·dog', '↵↵', '�')
    """
    marked = "".join(MARKS.get(character, character) for character in token_string)
    marked = "".join(character if character.isprintable() else "\ufffd" for character in marked)
    return marked if len(marked) <= 12 else marked[:11] + "…"
