"""Loading a tokenizer by its tokenizer.json, whatever class its configuration names."""

from typing import Any

from tokenizers import Tokenizer

from attention_programs.errors import UserError
from attention_programs.hub import explained

TOKENIZER_FILE = "tokenizer.json"


def load_tokenizer(location: str, **options: Any) -> Any:
    """A fast transformers tokenizer from a folder or the hub.

    transformers builds some classes (``GPT2Tokenizer``, ``Qwen2Tokenizer`` ...) from the vocabulary alone and splits
    texts by the rule of the class. Here such a class provides only the roles of special tokens.

    Args:
        location: A folder, or a name on the hub.
        options: For ``from_pretrained``, such as ``revision``.

    Raises:
        UserError: if there is no tokenizer, or no fast one.
    """
    from transformers import AutoTokenizer
    from transformers.utils import cached_file

    try:
        tokenizer = AutoTokenizer.from_pretrained(location, **options)
        path = cached_file(location, TOKENIZER_FILE, _raise_exceptions_for_missing_entries=False, **options)
        file = Tokenizer.from_file(path) if path else None
    except Exception as error:  # a file that does not fit its class fails in many ways; tokenizers raises Exception
        reason = explained(error, location)
        raise UserError(
            f"cannot load the tokenizer of {location!r} ({reason}); correct its {TOKENIZER_FILE} and "
            "tokenizer_config.json"
        ) from error
    if not hasattr(tokenizer, "backend_tokenizer"):
        raise UserError(
            f"{location!r} has the slow tokenizer {type(tokenizer).__name__}, which gives no token offsets; "
            f"convert it to a fast one and put its {TOKENIZER_FILE} next to it"
        )
    return plain_tokenizer(tokenizer, file or tokenizer.backend_tokenizer)


def plain_tokenizer(tokenizer: Any, backend: Tokenizer) -> Any:
    """A tokenizer that behaves like ``backend``, with the special-token roles of ``tokenizer``.

    Roles whose tokens ``backend`` lacks are left out: their ids would be beyond the model's last embedding. Nothing
    of the location and environment it was loaded from is kept.
    """
    from transformers import PreTrainedTokenizerFast

    backend.no_truncation()
    backend.no_padding()
    roles = {
        role: token
        for role, token in tokenizer.special_tokens_map.items()
        if isinstance(token, str) and backend.token_to_id(token) is not None
    }
    kept = {name: getattr(tokenizer, name) for name in ("model_max_length", "model_input_names", "padding_side")}
    return PreTrainedTokenizerFast(tokenizer_object=backend, **kept, **roles)
