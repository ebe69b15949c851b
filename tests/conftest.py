"""Shared material: a small tokenizer, tiny random models of every family, one table of program cases."""

import os

for _name, _value in {
    "OMP_WAIT_POLICY": "PASSIVE",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "DVC_NO_ANALYTICS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
}.items():
    os.environ[_name] = _value

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from attention_programs.models.loading import LoadedModel
from attention_programs.models.model_record import ModelRecord

ROOT = Path(__file__).parent.parent
CAUSAL_FAMILIES = ("gpt2", "llama", "qwen2", "gemma")
FAMILIES = (*CAUSAL_FAMILIES, "bert")

SENTENCES = (
    "The two frogs in the pond were never quiet.",
    'Amina pressed her nose to the bowl. "It is still flat," she said, "but the bread is warm."',
    "def area(width, height):\n    return width * height  # square units",
    "If $x + 3 = 10$, then $x = 7$; so the answer is 7.",
    "Nobody knew how the goat got on the bus. The goat was calm, and the bus was late, and nobody was cross.",
)


def _tokenizer(word_piece: bool) -> transformers.PreTrainedTokenizerFast:
    special = ["[UNK]", "[PAD]", "[MASK]", "[CLS]", "[SEP]"]
    if word_piece:
        core = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        core.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        core.decoder = decoders.WordPiece()
        trainer: Any = trainers.WordPieceTrainer(vocab_size=400, special_tokens=special)
    else:
        core = Tokenizer(models.BPE(unk_token="[UNK]"))
        core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        core.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=special, initial_alphabet=alphabet)
    core.train_from_iterator(SENTENCES, trainer)
    if word_piece:
        ends = [(name, core.token_to_id(name)) for name in ("[CLS]", "[SEP]")]
        core.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=core, unk_token="[UNK]", pad_token="[PAD]", mask_token="[MASK]"
    )


def _random_model(family: str, vocabulary: int) -> Any:
    sizes: dict[str, Any] = {"vocab_size": vocabulary, "hidden_size": 32, "num_hidden_layers": 3}
    grouped = {"num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 64}
    ends = {"bos_token_id": None, "eos_token_id": None, "pad_token_id": 1}
    match family:
        case "gpt2":
            gpt2 = transformers.GPT2Config(vocab_size=vocabulary, n_embd=32, n_layer=3, n_head=4, **ends)
            return transformers.GPT2LMHeadModel(gpt2)
        case "llama":
            return transformers.LlamaForCausalLM(transformers.LlamaConfig(**sizes, **grouped, **ends))
        case "qwen2":
            return transformers.Qwen2ForCausalLM(transformers.Qwen2Config(**sizes, **grouped, **ends))
        case "gemma":
            return transformers.GemmaForCausalLM(transformers.GemmaConfig(**sizes, **grouped, head_dim=8, **ends))
        case "bert":
            bert = transformers.BertConfig(**sizes, num_attention_heads=4, intermediate_size=64, pad_token_id=1)
            return transformers.BertForMaskedLM(bert)
    raise ValueError(family)


@cache
def tiny_model(family: str) -> LoadedModel:
    """A random three-layer model with four heads; tests must leave it as they found it."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    tokenizer = _tokenizer(word_piece=family == "bert")
    model = _random_model(family, len(tokenizer))
    # Larger weights than the default initialisation: attention must differ from uniform for a test to mean anything.
    for name, parameter in model.named_parameters():
        if parameter.ndim == 2 and "norm" not in name.lower():
            parameter.data *= 4
    model.eval().requires_grad_(False)
    model.set_attn_implementation("eager")
    record = ModelRecord.of(model, f"tiny-{family}", "folder", "tests", weights_sha256=f"random-{family}")
    return LoadedModel(model, tokenizer, record)


BOS, EOS = 3, 4  # [CLS] and [SEP] of the vocabulary above


def with_template(single: str, family: str = "llama", **options: Any) -> LoadedModel:
    """A tiny model whose tokenizer puts special tokens around a text."""
    loaded = tiny_model(family)
    core = Tokenizer.from_str(loaded.tokenizer.backend_tokenizer.to_str())
    core.post_processor = processors.TemplateProcessing(single=single, special_tokens=[("[CLS]", BOS), ("[SEP]", EOS)])
    roles = {"unk_token": "[UNK]", "pad_token": "[PAD]", "bos_token": "[CLS]", "eos_token": "[SEP]"}
    return replace(loaded, tokenizer=transformers.PreTrainedTokenizerFast(tokenizer_object=core, **roles, **options))


@pytest.fixture(params=FAMILIES)
def any_model(request: pytest.FixtureRequest) -> LoadedModel:
    return tiny_model(request.param)


@pytest.fixture(params=CAUSAL_FAMILIES)
def causal_model(request: pytest.FixtureRequest) -> LoadedModel:
    return tiny_model(request.param)


@pytest.fixture
def llama() -> LoadedModel:
    return tiny_model("llama")


@pytest.fixture(scope="session")
def servers() -> Iterator[Any]:
    """A team's servers at work, ``TeamServers``."""
    from team_servers import team_servers

    with team_servers() as running:
        yield running
