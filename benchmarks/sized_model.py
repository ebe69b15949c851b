"""Language models of chosen sizes with random weights, and a tokenizer of a few words: speed needs no more."""

from dataclasses import dataclass

import torch
import transformers
from tokenizers import Tokenizer, models

from attention_programs.models.loading import LoadedModel
from attention_programs.models.model_record import ModelRecord

LAYERS, HEADS = 30, 9


@dataclass(frozen=True)
class Shape:
    """The sizes of a model; those of SmolLM2-135M unless told otherwise."""

    layers: int = LAYERS
    heads: int = HEADS
    key_value_heads: int = 3
    width: int = 576
    inner_width: int = 1536
    vocabulary: int = 49152


def sized_model(words: tuple[str, ...], shape: Shape = Shape()) -> LoadedModel:
    """A model of some shape; token i is the i-th word."""
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.width,
        intermediate_size=shape.inner_width,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_value_heads,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=None,
    )
    model = transformers.LlamaForCausalLM(config).eval().requires_grad_(False)
    model.set_attn_implementation("eager")
    vocabulary = {word: number for number, word in enumerate((*words, "[UNK]", "[PAD]"))}
    core = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=core, unk_token="[UNK]", pad_token="[PAD]")
    record = ModelRecord(
        name="sized",
        source="folder",
        location="benchmarks",
        revision="",
        architecture=type(model).__name__,
        layers=shape.layers,
        heads_per_layer=shape.heads,
        key_value_heads=shape.key_value_heads,
        causal=True,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        dtype="float32",
        weights_sha256="random",
    )
    return LoadedModel(model, tokenizer, record)
