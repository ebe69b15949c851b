"""A crate as a zip file: written the same way every time, and verified when it is read."""

import hashlib
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from attention_programs.crate.contents import Contents
from attention_programs.crate.metadata import METADATA, describe
from attention_programs.errors import UserError
from attention_programs.files import replacing

EARLIEST = (1980, 1, 1, 0, 0, 0)
"""The time of every file, so that equal contents give equal bytes."""
LARGEST = 256 * 2**20
"""Bytes that a crate may have when unpacked; one of a few megabytes is usual."""


@dataclass(frozen=True)
class Crate:
    """A crate that was read: every file is as its description says."""

    sha256: str
    """Of the zip file."""
    files: Mapping[str, bytes]
    """By path."""


def write_crate(path: Path, contents: Contents, license_address: str) -> None:
    """Writes a crate, atomically.

    Raises:
        UserError: if it can't be written.
    """
    metadata = json.dumps(describe(contents, license_address), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    with replacing(path) as unfinished, zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {METADATA: metadata.encode(), **contents.files}.items():
            archive.writestr(zipfile.ZipInfo(name, EARLIEST), content, zipfile.ZIP_DEFLATED)
        for folder in sorted({name.split("/")[0] for name in contents.files if "/" in name}):
            archive.writestr(zipfile.ZipInfo(f"{folder}/", EARLIEST), b"")


def read_crate(path: Path) -> Crate:
    """Reads a crate into memory and compares every file with its recorded hash; nothing is unpacked to the disk.

    Raises:
        UserError: if it is not a crate, too large, or a file is missing, not described, or other than described.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            if sum(entry.file_size for entry in entries) > LARGEST:
                raise UserError(f"{path} has more than {LARGEST // 2**20} MiB when unpacked; it is no crate of ours")
            files = {entry.filename: archive.read(entry) for entry in entries}
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist; give the zip file that `export` wrote") from error
    except (OSError, zipfile.BadZipFile, RuntimeError, EOFError) as error:
        raise UserError(f"{path} is not a whole zip file ({error}); export or copy it again") from error
    outside = [name for name in files if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts]
    if outside:
        raise UserError(f"{path} names a file outside itself: {outside[0]!r}; it is no crate of ours")
    described = _hashes(files.get(METADATA, b""), path)
    for name in sorted(described.keys() | files.keys() - {METADATA}):
        if name not in files:
            raise UserError(f"{path} lacks {name}; export or copy it again")
        if described.get(name) != hashlib.sha256(files[name]).hexdigest():
            raise UserError(f"{path}: {name} is not as {METADATA} describes it, so it was changed; export it again")
    return Crate(hashlib.sha256(path.read_bytes()).hexdigest(), files)


def _hashes(metadata: bytes, path: Path) -> dict[str, str]:
    try:
        graph: list[dict[str, Any]] = json.loads(metadata)["@graph"]
        return {entity["@id"]: entity["sha256"] for entity in graph if "sha256" in entity}
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} has no {METADATA} that can be read; it is no crate") from error
