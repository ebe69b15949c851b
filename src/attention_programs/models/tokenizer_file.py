"""Loading a tokenizer: what its file says counts, whatever class its configuration names."""

from typing import Any

from tokenizers import Tokenizer

from attention_programs.errors import UserError

TOKENIZER_FILE = "tokenizer.json"


def load_tokenizer(location: str, **options: Any) -> Any:
    """A fast tokenizer of transformers from a folder or the hub.

    transformers builds some classes (``GPT2Tokenizer``, ``Qwen2Tokenizer`` ...) from the vocabulary alone and splits
    texts by the rule of the class. Here such a class gives the roles of special tokens alone.

    Args:
        location: A folder, or a name on the hub.
        options: For ``from_pretrained``, such as ``revision``.

    Raises:
        UserError: if there is none, or none of the fast kind.
    """
    from transformers import AutoTokenizer
    from transformers.utils import cached_file

    try:
        tokenizer = AutoTokenizer.from_pretrained(location, **options)
        path = cached_file(location, TOKENIZER_FILE, _raise_exceptions_for_missing_entries=False, **options)
        file = Tokenizer.from_file(path) if path else None
    except Exception as error:  # a file that does not fit its class fails in many ways; tokenizers raises bare ones
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"cannot load the tokenizer of {location!r} ({reason}); correct its {TOKENIZER_FILE} and "
            "tokenizer_config.json"
        ) from error
    if not hasattr(tokenizer, "backend_tokenizer"):
        raise UserError(
            f"{location!r} has the slow tokenizer {type(tokenizer).__name__}, which shows no token's place in a text; "
            f"convert it to a fast one and put its {TOKENIZER_FILE} next to it"
        )
    return plain_tokenizer(tokenizer, file or tokenizer.backend_tokenizer)


def plain_tokenizer(tokenizer: Any, backend: Tokenizer) -> Any:
    """A tokenizer that does what ``backend`` does, with the roles of another's special tokens.

    Roles that name tokens which ``backend`` lacks are left out: their ids would be behind the model's last embedding.
    Nothing is kept of the place and the environment it was loaded in.
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
