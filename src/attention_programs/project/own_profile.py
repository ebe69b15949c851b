"""A profile for what a user names on the command line: a model, and perhaps texts, a length and heads."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attention_programs.config.whole import RESERVED
from attention_programs.errors import UserError
from attention_programs.files import read_yaml
from attention_programs.models.head import Head
from attention_programs.project.choices import find_or_write, safe_name
from attention_programs.project.model_choice import choose_model
from attention_programs.project.own_corpora import choose_corpora
from attention_programs.project.reproduction import profiles

DEFAULT = "full"
"""The profile of the default settings."""
_HEAD = "# @package _global_\n# Written by `attention-programs reproduce --model`.\n"


@dataclass(frozen=True)
class Wanted:
    """What a user names on the command line; what is empty stays as it is in the profile that is built on."""

    model: str
    """As for :func:`~attention_programs.project.model_choice.choose_model`."""
    corpora: tuple[str, ...] = ()
    """As for :func:`~attention_programs.project.own_corpora.choose_corpora`."""
    tokens: int = 0
    """Length that texts are truncated to."""
    heads: str = ""
    """``all``, ``every K``, or names separated by commas or spaces."""
    profile: str = ""
    """The profile whose settings are taken; if empty, that of the model in ``conf/model``, or the default."""

    @property
    def changes(self) -> bool:
        """Whether anything but the model and the profile is named."""
        return bool(self.corpora or self.tokens or self.heads)


def choose_profile(wanted: Wanted, root: Path, here: Path) -> str:
    """Finds the profile that a command means, or writes it; no other profile's results can be touched by it.

    Args:
        wanted: What the user names.
        root: The project's folder.
        here: The folder that relative paths start from.

    Returns:
        The name of a file in ``conf/profile``.

    Raises:
        UserError: if the model, a file of texts or the profile is not there, or a file is bad.
    """
    known = profiles(root)
    if wanted.profile not in ("", *known):
        raise UserError(f"there is no profile {wanted.profile!r}; conf/profile has {', '.join(known)}")
    heads = heads_setting(wanted.heads)
    corpora = choose_corpora(wanted.corpora, root, here) if wanted.corpora else ""
    model = choose_model(wanted.model, root, here)
    has_recordings = model.name == _default_model(root)
    own = model.name if model.shipped and model.name in known else DEFAULT
    base = wanted.profile or own
    if base == own and not wanted.changes and (own != DEFAULT or has_recordings):
        return base
    values: dict[str, Any] = dict(read_yaml(root / "conf/profile" / f"{base}.yaml") or {})
    overrides = {key: value for each in values.pop("defaults", []) for key, value in each.items()}
    overrides |= {"override /model": model.name}
    if not has_recordings:
        overrides |= {"override /explainer": "none"}
        values.pop("explainer", None)
    if corpora:
        # The questions that ship are made from the stories that ship.
        overrides = {"override /evaluation": "none"} | overrides | {"override /corpora": corpora}
        if "corpus" in values.get("replacement", {}):
            values["replacement"] = values["replacement"] | {"corpus": "all"}
    attention = dict(values.get("attention", {}))
    if wanted.tokens:
        attention["max_tokens"] = wanted.tokens
    if heads:
        attention["heads"] = heads
    values |= {"attention": attention} if attention else {}
    listed = [{key: value} for key, value in sorted(overrides.items())]

    def content(name: str) -> dict[str, Any]:
        return {"defaults": listed, **values, "profile": name}

    def taken(name: str) -> bool:
        return name in RESERVED or any((root / folder / name).exists() for folder in ("data", "results", "reports"))

    parts = [model.name, *([base] if wanted.profile not in ("", own) else []), *([f"on-{corpora}"] if corpora else [])]
    parts += [f"{wanted.tokens}-tokens"] if wanted.tokens else []
    parts += [f"heads-{wanted.heads}"] if wanted.heads else []
    name = safe_name("-".join(parts))
    second = f"{name}-{DEFAULT}" if name == model.name else ""  # such as gpt2, whose own profile is the paper's
    return find_or_write(root, "profile", name, content, taken, _HEAD, second)


def heads_setting(heads: str) -> str | list[str]:
    """Heads on the command line as a setting.

    Raises:
        UserError: if a name is not that of a head.

    >>> heads_setting("every 4"), heads_setting("L0H1, L2H3")
    ('every 4', ['L0H1', 'L2H3'])
    """
    names = heads.replace(",", " ").split()
    if names == ["all"] or (len(names) == 2 and names[0] == "every" and names[1].isdecimal()):
        return " ".join(names)
    return [str(Head.parse(name)) for name in names]


def _default_model(root: Path) -> str:
    """The model of the default settings, which replies and programs by hand were recorded for."""
    choices = read_yaml(root / "conf/config.yaml")["defaults"]
    return next(str(each["model"]) for each in choices if isinstance(each, dict) and "model" in each)
