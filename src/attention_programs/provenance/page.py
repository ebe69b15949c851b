"""A record as a page with links, in one file."""

import os
from importlib import resources
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from attention_programs.files import write_text
from attention_programs.provenance.record import Node, Record
from attention_programs.provenance.tree import MARKS
from attention_programs.provenance.verification import Verification

FILES = frozenset({"figure", "file", "lock file", "table", "texts"})
"""Kinds of things whose name is a path."""


def write_page(path: Path, record: Record, root: Path, verification: Verification | None = None) -> None:
    """Writes a record as a page.

    Args:
        path: The page's file; links to the project's files are relative to it.
        record: The record.
        root: The project's folder.
        verification: What verifying it found, to be shown with each hash.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    template = environment.from_string(
        resources.files("attention_programs.provenance").joinpath("page.html.j2").read_text("utf-8")
    )
    text = template.render(
        record=record,
        verification=verification,
        findings=verification.findings if verification else {},
        marks=MARKS,
        links={node.key: _link(node, root, path.parent) for node in record.nodes.values()},
        anchors={key: f"n{number}" for number, key in enumerate(record.nodes)},
        shown=set(),
    )
    write_text(path, text + "\n")


def _link(node: Node, root: Path, folder: Path) -> str:
    file = root / node.name
    return Path(os.path.relpath(file, folder)).as_posix() if node.kind in FILES and file.is_file() else ""
