"""Whether a stage's settings are still those that its profile has."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from attention_programs.files import read_yaml
from attention_programs.project.own_profile import DEFAULT
from attention_programs.project.reproduction import compose, profiles
from attention_programs.provenance.lock_files import Stage
from attention_programs.provenance.record import Finding
from attention_programs.tracking.lineage import PARAMS_FILE

_MISSING = object()


@dataclass
class ProfileSettings:
    """The settings of a project's profiles, each composed once."""

    root: Path
    known: dict[str, Any] = field(default_factory=dict)
    """By the profile's name."""

    def check(self, stage: Stage, profile: str) -> Finding:
        """Compares the settings that a stage ran with, with those of ``params.yaml`` or of the profile in ``conf``."""
        for file, values in stage.settings.items():
            now = self._of(file, profile)
            if now is None:
                return Finding("unverified", f"conf/profile has no profile whose results are {profile!r}")
            for key, value in values.items():
                found = _at(now, key)
                if found != value:
                    what = "is gone" if found is _MISSING else f"is {found!r}"
                    return Finding("differs", f"{key} of {file} {what}, stage {stage.name} ran with {value!r}")
        return Finding("verified")

    def _of(self, file: str, profile: str) -> Any:
        if file == PARAMS_FILE and profile in self.known:
            return self.known[profile]
        current = read_yaml(self.root / file)
        if file != PARAMS_FILE or not profile or current["profile"] == profile:
            return current
        self.known[profile] = self._compose(profile)
        return self.known[profile]

    def _compose(self, profile: str) -> Any:
        known = profiles(self.root)
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / PARAMS_FILE
            for name in (name for name in (profile, DEFAULT) if name in known):
                compose(name, target, self.root)
                if (values := read_yaml(target))["profile"] == profile:
                    return values
        return None


def _at(values: Any, key: str) -> Any:
    for part in key.split("."):
        values = values.get(part, _MISSING) if isinstance(values, dict) else _MISSING
    return values
