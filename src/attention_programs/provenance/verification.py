"""Computing all hashes of a record again."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from attention_programs.errors import UserError
from attention_programs.progress import progress
from attention_programs.provenance.record import Finding, Node, Record


@dataclass(frozen=True)
class Verification:
    """What computing the hashes of a record again showed."""

    record: Record
    findings: Mapping[str, Finding]
    """By the node's key, in the order of checking."""

    @property
    def first_difference(self) -> Node | None:
        """The first node whose hash differs, from the sources on."""
        return next((self.record.nodes[key] for key, each in self.findings.items() if each.status == "differs"), None)

    def summary(self) -> str:
        """The findings in a sentence."""
        counts = Counter(finding.status for finding in self.findings.values())
        parts = [f"{counts['verified']} of {len(self.findings)} verified"]
        if counts["earlier"]:
            parts.append(f"{counts['earlier']} as in an earlier commit")
        if counts["unverified"]:
            parts.append(f"{counts['unverified']} not verifiable here")
        if counts["differs"]:
            parts.append(f"{counts['differs']} differ")
        return ", ".join(parts)

    def require(self) -> None:
        """Ends in an error if anything differs.

        Raises:
            UserError: naming the first thing that differs, from the sources on.
        """
        node = self.first_difference
        if node:
            raise UserError(f"{node.kind} {node.name} is not as recorded: {self.findings[node.key].reason}")


def verify(record: Record) -> Verification:
    """Computes every hash of a record again that can be, sources first."""
    checked = [node for node in record.from_sources() if node.check]
    findings = {}
    for node in progress(checked, "verifying", unit="hashes"):
        if node.check:
            findings[node.key] = node.check()
    return Verification(record, findings)
