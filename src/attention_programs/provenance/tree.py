"""A record as an indented tree in a terminal."""

from collections.abc import Iterator

from attention_programs.provenance.record import Node, Record, Status
from attention_programs.provenance.verification import Verification

MARKS: dict[Status, str] = {
    "verified": "verified",
    "earlier": "as in an earlier commit",
    "unverified": "not verifiable here",
    "differs": "DIFFERS",
}
SHOWN = 16
"""Characters of a hash that are shown."""
INDENT = "   "


def tree(record: Record, verification: Verification | None = None) -> Iterator[str]:
    """The lines of a record, every thing above what it was made from; what was shown before is not shown again.

    Args:
        record: The record.
        verification: What verifying it found, to be shown with each hash.
    """
    for step in record.walk():
        line = INDENT * step.depth + describe(step.node)
        if step.repeated:
            yield f"{line} (above)" if step.node.sources else line
            continue
        finding = verification.findings.get(step.node.key) if verification else None
        yield f"{line}  {MARKS[finding.status]}" if finding else line
        if finding and finding.reason:
            yield f"{INDENT * step.depth}  ! {finding.reason}"


def describe(node: Node) -> str:
    """A thing in a line: kind, name, the beginning of its hash, and details.

    >>> describe(Node("k", "table", "results/smoke/heads.csv", "md5:0123456789abcdef0123456789abcdef", "9 heads"))
    'table results/smoke/heads.csv [md5:0123456789abcdef] 9 heads'
    """
    algorithm, _, digest = node.hash.partition(":")
    parts = [f"{node.kind} {node.name}", f"[{algorithm}:{digest[:SHOWN]}]" if digest else "", node.details]
    return " ".join(part for part in parts if part)
