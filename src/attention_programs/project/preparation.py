"""Before a model of the user's own is explained: its profile, what is left out, and what the machine must have."""

import sys
from pathlib import Path

from attention_programs.config import Config, ModelSettings, load_config
from attention_programs.errors import UserError
from attention_programs.hub import size_of
from attention_programs.models.model_record import read_record
from attention_programs.paths import Paths
from attention_programs.project.own_profile import Wanted, choose_profile
from attention_programs.project.reproduction import configure, restored, run_stages
from attention_programs.project.requirements_estimate import GIB, estimate, require

CONVERTING = 1.5 * GIB
"""Bytes of memory that converting a model takes besides its weights."""
LESS = "lower --tokens, name fewer --heads, or lower evaluation.batch_size and replacement.batch_texts in the profile"
"""The remedies for a profile that needs too much."""


def prepare(wanted: Wanted, root: Path, here: Path) -> None:
    """Switches to the profile for a model, and runs the stages that can refuse it.

    Says on standard error what will be left out, and about what will be needed. The project keeps its former settings
    if the model is refused.

    Args:
        wanted: What the user names.
        root: The project's folder.
        here: The folder that relative paths start from.

    Raises:
        UserError: if the model or a file of texts can't be used, or the machine clearly has too little for them.
    """
    with restored(root, after_success=False):
        _prepare(choose_profile(wanted, root, here), root)


def _prepare(profile: str, root: Path) -> None:
    paths = configure(profile, root)
    config = load_config(root / "params.yaml")
    _say(f"profile {profile}: settings in conf/profile/{profile}.yaml, results in results/{config.profile}")
    if not paths.model.exists():
        require_room(config.model, root)
    run_stages(root, ["corpora", "model"])
    for line in left_out(config, paths):
        _say(f"left out: {line}")
    if (paths.results / "summary.json").is_file():
        return  # what is left to do after a whole run is little, and not known before DVC compares
    _say("measuring this machine (seconds; up to a minute the first time)")
    found = estimate(config, paths)
    for line in found.lines():
        _say(f"estimate: {line}")
    require(found.disk, found.memory, root, f"profile {profile!r}", LESS)


def left_out(config: Config, paths: Paths) -> list[str]:
    """What a run does without, as the project has none of it for the model."""
    lines = []
    record = read_record(paths.model)
    by_hand = f"{config.synthesis.library}/{config.model.name}"
    if config.explainer.mode == "off":
        lines.append("programs by a language model, as no replies about this model are recorded")
    if not (paths.root / by_hand).is_dir():
        lines.append(f"programs by hand for single heads, as there is no {by_hand}; those for any model are used")
    if not list((paths.root / config.synthesis.imported).glob("*.jsonl")):
        lines.append(f"imported programs, as {config.synthesis.imported} has none")
    if not config.evaluation.tasks:
        lines.append("questions, as those that ship are made from the stories that ship")
    elif not record.causal:
        tasks = ", ".join(config.evaluation.tasks)
        lines.append(f"questions ({tasks}), as {record.name} is an encoder, which gives answers no likelihood")
    return lines


def require_room(model: ModelSettings, root: Path) -> None:
    """Checks that the machine has disk and memory for a model, by the size of its files, before it is downloaded.

    Raises:
        UserError: if it clearly has not.
    """
    files = _bytes(model, root)
    if not files:
        return
    # 4 bits become 32, which with scales and tables is about seven times the file; the hub's client keeps a copy.
    weights = 7 * files if model.source == "gguf" else files
    disk, memory = weights + (files if model.source == "hub" else 0), weights + CONVERTING
    _say(f"estimate: the model takes about {disk / GIB:.1f} GiB of disk and {memory / GIB:.1f} GiB of memory")
    require(disk, memory, root, f"model {model.name!r}", "choose a smaller model")


def _bytes(model: ModelSettings, root: Path) -> float:
    """Size of a model's files; 0 if that is not known before they are downloaded."""
    place = root / model.location
    if model.source == "gguf":
        return place.stat().st_size if place.is_file() else 0
    if model.source == "folder":
        return sum(file.stat().st_size for file in place.glob("*.safetensors"))
    if model.source == "hub":
        try:
            return size_of(model.location, model.revision)
        except UserError:  # it may be in the hub client's cache; if not, the model stage says what is wrong
            return 0
    return 0


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
