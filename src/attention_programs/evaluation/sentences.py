"""Dividing a story into sentences."""

import re

_END = re.compile(r"[.!?]+[\"')]*(?= )")
_TITLE = re.compile(r"\b(Mr|Mrs|Ms|Dr|St|Prof)\.$")
_NEXT = re.compile(r"[\"'(]*[A-Z0-9]")
_SPEAKER = re.compile(
    r"(\w+\.? ){1,3}"
    r"(said|asked|cried|called|shouted|whispered|yelled|answered|replied|laughed|begged|sang|thought|told)\b"
)


def sentences(content: str) -> list[str]:
    """The sentences of a text, with whitespace collapsed.

    A sentence ends at ``.``, ``!`` or ``?``, including closing quotation marks, if the next word is capitalised. A
    title such as ``Mr.`` does not end one, and a quoted question or exclamation stays with its speaker.

    >>> sentences('"Is it far?" Mr. Sol asked. "No." They ran on.')
    ['"Is it far?" Mr. Sol asked.', '"No."', 'They ran on.']
    """
    line = " ".join(content.split())
    found, start = [], 0
    for match in _END.finditer(line):
        rest = line[match.end() + 1 :]
        speech = match[0].endswith('"') and _SPEAKER.match(rest)
        if _TITLE.search(line[: match.end()]) or not _NEXT.match(rest) or speech:
            continue
        found.append(line[start : match.end()])
        start = match.end() + 1
    return [*found, line[start:]] if line[start:] else found


def passages(content: str) -> list[str]:
    """The shortest runs of sentences that leave no quotation open, so that a text can be cut between any two.

    >>> passages('"Look! A fox," said Ann. It ran.')
    ['"Look! A fox," said Ann.', 'It ran.']
    """
    found: list[str] = []
    for sentence in sentences(content):
        if found and found[-1].count('"') % 2:
            found[-1] += " " + sentence
        else:
            found.append(sentence)
    return found
