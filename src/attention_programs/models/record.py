"""What is known about a model that lies in ``models/<name>``."""

from dataclasses import asdict, dataclass
from pathlib import Path

from attention_programs.errors import UserError
from attention_programs.files import read_json, sha256_file, sha256_text, write_json
from attention_programs.heads import Head, all_heads

RECORD_NAME = "model.json"


@dataclass(frozen=True)
class ModelRecord:
    """Identity and shape of a model; stored beside its weights."""

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
    """Hash over the hashes of all weight files, in name order."""
    quantization: str = ""
    """How the weights were stored before they were read back into floating point; empty if never."""

    @property
    def heads(self) -> list[Head]:
        """Every head of the model."""
        return all_heads(self.layers, self.heads_per_layer)


def weights_hash(folder: Path) -> str:
    """SHA-256 over the weight files of a model folder.

    Raises:
        UserError: if there are none.
    """
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise UserError(f"{folder} holds no .safetensors weights; convert the model with save_pretrained first")
    if len(files) == 1:
        return sha256_file(files[0])
    return sha256_text("\n".join(f"{file.name} {sha256_file(file)}" for file in files))


def write_record(folder: Path, record: ModelRecord) -> None:
    """Writes the record beside the weights."""
    write_json(folder / RECORD_NAME, asdict(record))


def read_record(folder: Path) -> ModelRecord:
    """Reads the record beside the weights.

    Raises:
        UserError: if the folder holds none, or a damaged one.
    """
    path = folder / RECORD_NAME
    if not path.is_file():
        raise UserError(f"{folder} holds no {RECORD_NAME}; run `dvc repro model`")
    try:
        return ModelRecord(**read_json(path))
    except TypeError as error:
        raise UserError(f"{path} is no record of a model; run `dvc repro model`") from error
