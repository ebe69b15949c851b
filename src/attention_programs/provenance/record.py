"""A record: things, and what each of them was made from."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

Kind = Literal[
    "number", "head", "surrogate", "run", "program", "figure", "table", "file", "stage", "settings", "code",
    "lock file", "commit", "packages", "prompt", "template", "reply", "texts", "weights",
]  # fmt: skip
KINDS: tuple[Kind, ...] = get_args(Kind)
Status = Literal["verified", "earlier", "unverified", "differs"]
"""What became of a hash: equal; equal to that of an earlier commit, not to that here; not computed, as what it takes is
not here; not equal."""


@dataclass(frozen=True)
class Finding:
    """What computing a hash again showed."""

    status: Status
    reason: str = ""
    """Why it is not simply equal."""


@dataclass(frozen=True)
class Node:
    """One thing in a record."""

    key: str
    """Unique in the record, such as ``file results/smoke/heads.csv``."""
    kind: Kind
    name: str
    hash: str = ""
    """The recorded hash with its algorithm, such as ``md5:...``; empty if none was recorded."""
    details: str = ""
    sources: tuple[str, ...] = ()
    """Keys of what it was made from."""
    check: Callable[[], Finding] | None = field(default=None, compare=False, repr=False)
    """Computes its hash again; None where that of another node covers it."""


@dataclass(frozen=True)
class Step:
    """A node on a walk through a record."""

    node: Node
    depth: int
    """Steps from the node that the walk began with."""
    repeated: bool
    """Whether the walk was here before, so that its sources are not walked again."""


@dataclass(frozen=True)
class Record:
    """A thing, and everything that it was made from."""

    root: str
    """Key of the thing."""
    nodes: Mapping[str, Node]

    def walk(self) -> Iterator[Step]:
        """Every node before its sources, each with its sources once.

        >>> record = Record("a", {"a": Node("a", "table", "a", sources=("b", "b")), "b": Node("b", "file", "b")})
        >>> [(step.node.name, step.depth, step.repeated) for step in record.walk()]
        [('a', 0, False), ('b', 1, False), ('b', 1, True)]
        """
        seen: set[str] = set()
        waiting = [(self.root, 0)]
        while waiting:
            key, depth = waiting.pop()
            node, repeated = self.nodes[key], key in seen
            seen.add(key)
            yield Step(node, depth, repeated)
            if not repeated:
                waiting += [(source, depth + 1) for source in reversed(node.sources)]

    def from_sources(self) -> list[Node]:
        """Every node once, its sources before it.

        >>> nodes = {"a": Node("a", "table", "a", sources=("b",)), "b": Node("b", "file", "b")}
        >>> [node.name for node in Record("a", nodes).from_sources()]
        ['b', 'a']
        """
        ordered: dict[str, Node] = {}
        waiting = [(self.root, False)]
        while waiting:
            key, sources_done = waiting.pop()
            if sources_done:
                ordered.setdefault(key, self.nodes[key])
            elif key not in ordered:
                waiting.append((key, True))
                waiting += [(source, False) for source in reversed(self.nodes[key].sources) if source not in ordered]
        return list(ordered.values())

    def to_json(self, findings: Mapping[str, Finding]) -> dict[str, Any]:
        """The record as plain JSON values, with what verification found, if anything."""
        nodes: dict[str, dict[str, Any]] = {}
        for node in self.from_sources():
            nodes[node.key] = {"kind": node.kind, "name": node.name, "sources": list(node.sources)}
            nodes[node.key] |= {"hash": node.hash} if node.hash else {}
            nodes[node.key] |= {"details": node.details} if node.details else {}
            if node.key in findings:
                found = findings[node.key]
                nodes[node.key]["verification"] = {"status": found.status, "reason": found.reason}
        return {"root": self.root, "nodes": nodes}
