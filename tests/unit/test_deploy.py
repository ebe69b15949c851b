"""The compose file of a team's tracking server."""

import re

import pytest
from compose_spec import PyCompose

from conftest import ROOT

COMPOSE = (ROOT / "deploy/compose.yaml").read_text()
EXAMPLE = dict(re.findall(r"^(\w+)=(.*)$", (ROOT / "deploy/env.example").read_text(), re.M))
_VARIABLE = re.compile(r"(?<!\$)\$\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<rest>[^}]*))?\}")


def interpolated(values: dict[str, str]) -> str:
    """The file with its variables, as ``docker compose config`` sees it."""

    def value(match: re.Match[str]) -> str:
        found = values.get(match["name"], "")
        if not found and match["kind"] == "?":
            raise ValueError(f"{match['name']}: {match['rest']}")
        return found or (match["rest"] if match["kind"] == "-" else "")

    return _VARIABLE.sub(value, COMPOSE).replace("$$", "$")


def test_it_follows_the_compose_specification() -> None:
    compose = PyCompose.from_yaml(interpolated({name: value or "secret" for name, value in EXAMPLE.items()}))
    compose.validate()
    assert set(compose.service_names()) == {"postgres", "s3", "mlflow"}
    with pytest.raises(ValueError, match="prots"):
        PyCompose.from_yaml(interpolated({**EXAMPLE}.fromkeys(EXAMPLE, "secret")).replace("ports:", "prots:"))


def test_no_secret_has_a_default_and_the_example_names_each_variable() -> None:
    used = {match["name"]: match["kind"] for match in _VARIABLE.finditer(COMPOSE) if match["kind"]}
    assert used.keys() == EXAMPLE.keys()
    assert {name for name, kind in used.items() if kind == "?"} == {
        name for name, value in EXAMPLE.items() if not value
    }
    with pytest.raises(ValueError, match=r"POSTGRES_PASSWORD: set it in deploy/\.env"):
        interpolated({})


def test_images_are_pinned_and_only_mlflow_is_reachable_from_this_machine_alone() -> None:
    assert all(":" in image for image in re.findall(r"image: (\S+)", COMPOSE))
    assert not re.search(r":latest", COMPOSE)
    assert re.findall(r'^      - "([\d.]+):', COMPOSE, re.M) == ["127.0.0.1"]
    assert "/deploy/.env" in (ROOT / ".gitignore").read_text().splitlines()
