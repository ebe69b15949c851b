"""The record of a model in ``models/<name>``."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from attention_programs.errors import UserError
from attention_programs.files import read_json, sha256_file, sha256_text, write_json
from attention_programs.models.head import Head, all_heads

RECORD_NAME = "model.json"


@dataclass(frozen=True)
class ModelRecord:
    """A model's identity and shape, stored next to its weights."""

    name: str
    source: str
    location: str
    revision: str
    architecture: str
    layers: int
    heads_per_layer: int
    key_value_heads: int
    causal: bool
    parameters: int
    dtype: str
    weights_sha256: str
    """SHA-256 of the weight files; if there are several, of their names and hashes, in name order."""
    quantization: str = ""
    """How the weights were quantized before they were converted back to floating point; empty if never."""

    @classmethod
    def of(cls, model: Any, name: str, source: str, location: str, **identity: str) -> "ModelRecord":
        """The record of a transformers model, with the shape read from the model.

        Args:
            model: The model.
            name: Its name in the project.
            source: Where it comes from.
            location: Its location there.
            **identity: ``revision``, ``weights_sha256`` and ``quantization``; empty if not given.
        """
        config = model.config
        return cls(
            name=name,
            source=source,
            location=location,
            architecture=type(model).__name__,
            layers=config.num_hidden_layers,
            heads_per_layer=config.num_attention_heads,
            key_value_heads=getattr(config, "num_key_value_heads", None) or config.num_attention_heads,
            causal=not is_encoder(model),
            parameters=sum(parameter.numel() for parameter in model.parameters()),
            dtype=str(next(model.parameters()).dtype).removeprefix("torch."),
            **{"revision": "", "weights_sha256": "", **identity},
        )

    @property
    def heads(self) -> list[Head]:
        """Every head of the model."""
        return all_heads(self.layers, self.heads_per_layer)


def is_encoder(model: Any) -> bool:
    """Whether a transformers model predicts masked tokens, and so attends in both directions."""
    return "MaskedLM" in type(model).__name__


def weights_hash(folder: Path) -> str:
    """SHA-256 over the weight files of a model folder.

    Raises:
        UserError: if there are none.
    """
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise UserError(f"{folder} has no .safetensors weights; convert the model with save_pretrained first")
    if len(files) == 1:
        return sha256_file(files[0])
    return sha256_text("\n".join(f"{file.name} {sha256_file(file)}" for file in files))


def write_record(folder: Path, record: ModelRecord) -> None:
    """Writes the record next to the weights."""
    write_json(folder / RECORD_NAME, asdict(record))


def read_record(folder: Path) -> ModelRecord:
    """Reads the record next to the weights.

    Raises:
        UserError: if it is missing or damaged.
    """
    path = folder / RECORD_NAME
    if not path.is_file():
        raise UserError(f"{folder} has no {RECORD_NAME}; run `dvc repro model`")
    try:
        return ModelRecord(**read_json(path))
    except TypeError as error:
        raise UserError(f"{path} is not a model record; run `dvc repro model`") from error
