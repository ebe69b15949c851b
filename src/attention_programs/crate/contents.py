"""What goes into a crate: a surrogate's file, its programs, prompts, results and lock files."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from attention_programs.crate.card import card
from attention_programs.errors import UserError
from attention_programs.provenance.published import record_of_surrogate
from attention_programs.provenance.record import Record
from attention_programs.surrogate.specification import SurrogateSpecification, read_specification
from attention_programs.tracking.lineage import DVC_LOCK, PARAMS_FILE, PIPELINE, REQUIREMENTS, SURROGATE_FILE
from attention_programs.tracking.lookup import SurrogateInfo, surrogate_info
from attention_programs.tracking.run_lookup import child_runs, run_info

CARD, REGISTRY, RECORD, VALIDATION = "README.md", "registry.json", "provenance.json", "validation.json"
LOCKED = (DVC_LOCK, PIPELINE, PARAMS_FILE, REQUIREMENTS)
"""Files of the pipeline, as they were when the surrogate was published."""


@dataclass(frozen=True)
class Contents:
    """The contents of a crate."""

    name: str
    """The registered model's name."""
    version: str
    profile: str
    description: str
    day: str
    """The day of publication, ISO 8601."""
    files: Mapping[str, bytes]
    """By path in the crate, in order."""
    record: Record
    """What the surrogate was made from."""
    specification: SurrogateSpecification


def collect(reference: str, root: Path) -> Contents:
    """Collects a registered surrogate and what it was made from.

    Args:
        reference: ``NAME``, ``NAME@ALIAS`` or ``NAME/VERSION``.
        root: The project's folder.

    Raises:
        UserError: if there is no such version, or its run lacks a file.
    """
    info = surrogate_info(reference, root)
    run = run_info(info.run_id, root)
    record = record_of_surrogate(f"{info.name}/{info.version}", root)
    specification = read_specification(info.specification)
    files = {
        SURROGATE_FILE: info.specification.read_bytes(),
        VALIDATION: (info.specification.parent / VALIDATION).read_bytes(),
        REGISTRY: _json(_registered(info)),
        RECORD: _json(record.to_json({})),
        CARD: card(info, specification).encode(),
        **{name: _content(run.artifacts / name) for name in LOCKED},
        **{f"programs/{key}.py": program.source.encode() for key, program in specification.programs.items()},
        **dict(_below(run.artifacts / "results", "results")),
    }
    for child in child_runs(info.run_id, root):
        if child.tags["program_id"] in specification.programs:
            for folder in ("prompts", "replies"):
                files |= dict(_below(child.artifacts / folder, folder))
    return Contents(
        name=info.name,
        version=info.version,
        profile=specification.profile,
        description=info.description,
        day=datetime.fromtimestamp(info.created, UTC).date().isoformat(),
        files=dict(sorted(files.items())),
        record=record,
        specification=specification,
    )


def _registered(info: SurrogateInfo) -> dict[str, Any]:
    values = asdict(info)
    return {key: values[key] for key in ("name", "version", "aliases", "tags", "description")}


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _content(path: Path) -> bytes:
    if not path.is_file():
        raise UserError(f"{path} does not exist, as an earlier version published this surrogate; publish again")
    return path.read_bytes()


def _below(folder: Path, name: str) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield f"{name}/{path.relative_to(folder).as_posix()}", path.read_bytes()
