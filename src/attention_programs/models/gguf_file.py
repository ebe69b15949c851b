"""Reading a model and its tokenizer from a GGUF file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attention_programs.errors import UserError
from attention_programs.models.gguf_rule import apply_rule
from attention_programs.models.tokenizer_file import plain_tokenizer

UNQUANTIZED = frozenset({"ALL_F32", "MOSTLY_F16", "MOSTLY_BF16"})
"""Names of file types whose weights are floats."""


@dataclass(frozen=True)
class GgufModel:
    """What a GGUF file contains."""

    model: Any
    """A transformers model in single precision."""
    tokenizer: Any
    """Its fast transformers tokenizer."""
    quantization: str
    """How the file says that its weights were quantized, such as Q4_K_M; empty if they were not or it says nothing."""


def load_gguf(gguf: Path, name: str) -> GgufModel:
    """Reads a model in single precision, and its tokenizer.

    Args:
        gguf: The file.
        name: The model's name, in place of the file's in its configuration.

    Raises:
        UserError: if the file is damaged, or transformers does not read its architecture.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    options = {"pretrained_model_name_or_path": gguf.parent, "gguf_file": gguf.name}
    try:
        tokenizer = AutoTokenizer.from_pretrained(**options)
        apply_rule(tokenizer, gguf)
        model = AutoModelForCausalLM.from_pretrained(**options, dtype="float32")
    except UserError:
        raise
    except Exception as error:  # damaged files and unknown architectures fail in many ways
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"cannot read {gguf.name} as a GGUF model ({reason}); get the file again, or use the model's folder of "
            "transformers through model.source: folder"
        ) from error
    # transformers refuses to save a GGUF model as quantized, although its weights are plain floats by now.
    model.hf_quantizer = None
    model.is_quantized = False
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.config._name_or_path = name
    return GgufModel(model, plain_tokenizer(tokenizer, tokenizer.backend_tokenizer), _quantization(gguf))


def _quantization(gguf: Path) -> str:
    from gguf import GGUFReader, LlamaFileType

    field = GGUFReader(gguf).fields.get("general.file_type")
    known = {int(kind): kind.name for kind in LlamaFileType}
    name = known.get(int(field.contents()), "") if field else ""
    return "" if name in UNQUANTIZED else name.removeprefix("MOSTLY_")
