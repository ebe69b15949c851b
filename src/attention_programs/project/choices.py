"""Files in ``conf`` that a command writes for the user: found again by their content, never put in place of others."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from attention_programs.errors import UserError
from attention_programs.files import read_yaml, sha256_text, write_text

LONGEST = 60
"""Characters of a name; what is longer is cut and ends in a hash."""
_UNSAFE = re.compile(r"[^a-z0-9._]+")


def safe_name(text: str) -> str:
    """A text as a file name, of lower-case letters, digits and ``. _ -``.

    >>> safe_name("TinyLlama/Chat v1.0")
    'tinyllama-chat-v1.0'
    """
    name = _UNSAFE.sub("-", text.lower()).strip("-.") or "unnamed"
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 7].rstrip('-.')}-{_mark(text)}"


def find_or_write(
    root: Path,
    group: str,
    wanted: str,
    content: Callable[[str], Mapping[str, Any]],
    taken: Callable[[str], bool] = lambda name: False,
    head: str = "",
    second: str = "",
) -> str:
    """The name of the file in a group of settings that has this content; writes it if there is none.

    If another content has the name, a hash of the content is added to it, so that rerunning a command finds its own
    file and leaves those of others alone.

    Args:
        root: The project's folder.
        group: The folder in ``conf``.
        wanted: The name, without suffix.
        content: The content by name, as JSON values.
        taken: Whether something else in the project has a name already, although no file in the group does.
        head: Lines before the content.
        second: The name to try before one with a hash; none if empty.

    Raises:
        UserError: if all names are taken.
    """
    names = (wanted, *filter(None, [second]), f"{wanted}-{_mark(json.dumps(content(wanted), sort_keys=True))}")
    for name in names:
        file, values = root / "conf" / group / f"{name}.yaml", dict(content(name))
        if file.is_file():
            if read_yaml(file) == values:
                return name
        elif not taken(name):
            write_text(file, head + "".join(f"{key}: {_json(value)}\n" for key, value in values.items()))
            return name
    raise UserError(f"conf/{group} has other settings called {' and '.join(names)}; rename or delete one of them")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)  # JSON is YAML, too


def _mark(text: str) -> str:
    return sha256_text(text)[:6]
