"""Every family of architectures that a user may bring, with the configuration that transformers gives it by default."""

from dataclasses import dataclass, field
from typing import Any

import transformers

VOCABULARY = 400
IDS = {"vocab_size": VOCABULARY, "pad_token_id": 1, "bos_token_id": None, "eos_token_id": None}
"""The tests' tokenizer has no token that ends a text."""
WINDOW = {"sliding_window": 4096}
QWEN_WINDOW = WINDOW | {"use_sliding_window": True, "max_window_layers": 1}
GROUPED = {"num_key_value_heads": 8}


@dataclass(frozen=True, eq=False)
class Family:
    """A family's classes in transformers."""

    name: str
    """As people call it."""
    config: str
    """Name of the configuration's class, without ``Config``."""
    model: str
    """Name of the model's class."""
    options: dict[str, Any] = field(default_factory=dict)
    """What differs from the default configuration."""

    def configuration(self) -> Any:
        """The configuration of a model of the usual size."""
        return getattr(transformers, f"{self.config}Config")(**(IDS | self.options))

    def kind(self) -> Any:
        """The class of the model."""
        return getattr(transformers, self.model)


def _causal(name: str, kind: str, **options: Any) -> Family:
    return Family(name, kind, f"{kind.removesuffix('Text')}ForCausalLM", options)


def _masked(name: str, kind: str, **options: Any) -> Family:
    return Family(name, kind, f"{kind}ForMaskedLM", options)


FAMILIES = (
    Family("GPT-2", "GPT2", "GPT2LMHeadModel"),
    _causal("GPT-NeoX", "GPTNeoX"),
    _causal("OPT", "OPT"),
    _causal("Llama", "Llama", **GROUPED),
    _causal("Llama 4", "Llama4Text"),
    _causal("Mistral", "Mistral", **WINDOW),
    _causal("Mixtral", "Mixtral", **WINDOW),
    _causal("Qwen2", "Qwen2", **QWEN_WINDOW),
    _causal("Qwen3", "Qwen3", **QWEN_WINDOW, **GROUPED),
    _causal("Gemma", "Gemma"),
    _causal("Gemma 2", "Gemma2"),
    _causal("Gemma 3", "Gemma3Text"),
    _causal("Gemma 3n", "Gemma3nText", vocab_size_per_layer_input=VOCABULARY),
    _causal("Gemma 4", "Gemma4Text", vocab_size_per_layer_input=VOCABULARY),
    _causal("Phi-3", "Phi3", **WINDOW),
    _causal("Phi", "Phi"),
    _causal("OLMo-2", "Olmo2"),
    _causal("OLMo-3", "Olmo3"),
    _causal("Qwen3-MoE", "Qwen3Moe"),
    _causal("GLM-4", "Glm4"),
    _causal("SmolLM3", "SmolLM3"),
    _causal("StableLM", "StableLm"),
    _causal("GPT-BigCode", "GPTBigCode"),
    _causal("Granite", "Granite"),
    _causal("Falcon", "Falcon"),
    _causal("StarCoder2", "Starcoder2", **WINDOW),
    _causal("Cohere", "Cohere"),
    _causal("Cohere2", "Cohere2"),
    _masked("BERT", "Bert"),
    _masked("RoBERTa", "Roberta"),
    _masked("ModernBERT", "ModernBert"),
    _masked("DistilBERT", "DistilBert"),
    _masked("ELECTRA", "Electra"),
    _causal("DeepSeek-V2", "DeepseekV2", num_experts_per_tok=6),
    _causal("DeepSeek-V3", "DeepseekV3"),
    _causal("LongCat-Flash", "LongcatFlash"),
    _causal("DiffLlama", "DiffLlama"),
    _masked("MobileBERT", "MobileBert"),
    _causal("Qwen3-Next", "Qwen3Next"),
    _causal("Jamba", "Jamba"),
    _causal("MiniMax", "MiniMax"),
    _causal("gpt-oss", "GptOss"),
    _causal("Bloom", "Bloom"),
    _causal("MPT", "Mpt"),
    _causal("GPT-Neo", "GPTNeo"),
    Family("T5", "T5", "T5ForConditionalGeneration"),
    Family("BART decoder", "Bart", "BartForCausalLM"),
    _masked("ALBERT", "Albert"),
    _masked("DeBERTa", "Deberta"),
    _masked("DeBERTa-v2", "DebertaV2"),
    Family("Gemma 3 with images", "Gemma3", "Gemma3ForConditionalGeneration"),
)
