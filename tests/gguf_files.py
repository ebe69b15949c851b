"""Tiny GGUF files, as other people's models come in."""

import json
from pathlib import Path

from gguf import GGUFWriter, LlamaFileType, TokenType

from conftest import tiny_model

TENSORS = {
    "model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}  # fmt: skip


def write_tiny_gguf(path: Path) -> Path:
    """The tiny model of the family qwen2, in single precision."""
    loaded = tiny_model("qwen2")
    config, core = loaded.model.config, json.loads(loaded.tokenizer.backend_tokenizer.to_str())
    writer = GGUFWriter(path, "qwen2")
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_file_type(LlamaFileType.ALL_F32)
    tokens = sorted(core["model"]["vocab"], key=core["model"]["vocab"].get)
    special = {token["content"] for token in core["added_tokens"]}
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([TokenType.CONTROL if token in special else TokenType.NORMAL for token in tokens])
    writer.add_token_merges([" ".join(merge) for merge in core["model"]["merges"]])
    writer.add_pad_token_id(config.pad_token_id)
    for name, value in loaded.model.state_dict().items():
        place, _, kind = name.rpartition(".")
        layer = place.removeprefix("model.layers.").split(".")[0]
        short = place.removeprefix(f"model.layers.{layer}.")
        prefix = f"blk.{layer}." if short != place else ""
        writer.add_tensor(f"{prefix}{TENSORS[short]}.{kind}", value.float().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
