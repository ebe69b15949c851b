"""A language model of SmolLM2's size with random weights, and a tokenizer of a few words: speed needs no more."""

import torch
import transformers
from tokenizers import Tokenizer, models

from attention_programs.models.loading import LoadedModel
from attention_programs.models.model_record import ModelRecord

LAYERS, HEADS = 30, 9


def sized_model(words: tuple[str, ...]) -> LoadedModel:
    """SmolLM2-135M's shape; token i is the i-th word."""
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=49152,
        hidden_size=576,
        intermediate_size=1536,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=3,
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
        layers=LAYERS,
        heads_per_layer=HEADS,
        key_value_heads=3,
        causal=True,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        dtype="float32",
        weights_sha256="random",
    )
    return LoadedModel(model, tokenizer, record)
