"""Validates a crate without a network: ``python crate_validation.py CRATE PROFILE ...`` prints what it lacks.

It runs in an environment of its own (``crate_validator.lock``, made by ``make test``): the validator asks for an older
version of rich than import-linter.
"""

import json
import sys
from pathlib import Path

import requests
import rocrate
from requests.adapters import BaseAdapter
from rocrate_validator import models, services
from rocrate_validator.utils.http import HttpRequester

BIOSCHEMAS = "https://bioschemas.org/"
OF_VERSION_1_2 = {
    "ComputationalWorkflow": f"{BIOSCHEMAS}ComputationalWorkflow",
    "FormalParameter": f"{BIOSCHEMAS}FormalParameter",
    "input": f"{BIOSCHEMAS}properties/input",
    "output": f"{BIOSCHEMAS}properties/output",
}
"""Terms that RO-Crate 1.3, whose context comes with the package rocrate, maps to other addresses than 1.2."""


class ContextOnly(BaseAdapter):
    """Answers requests for RO-Crate's JSON-LD context; nothing else is found."""

    def __init__(self) -> None:
        super().__init__()
        found = json.loads((Path(rocrate.__file__).parent / "data" / "ro-crate.jsonld").read_text(encoding="utf-8"))
        found["@context"] |= OF_VERSION_1_2
        self._context = json.dumps(found).encode()

    def send(self, request, *_, **__):  # type: ignore[no-untyped-def]
        response = requests.Response()
        known = request.url == "https://w3id.org/ro/crate/1.2/context"
        response.status_code, response._content = (200, self._context) if known else (404, b"")
        response.url, response.request = request.url, request
        response.headers["Content-Type"] = "application/ld+json"
        return response

    def close(self) -> None:
        """There is nothing to close."""


def problems(crate: Path, profile: str) -> list[str]:
    """What a crate lacks of a profile's requirements."""
    settings = services.ValidationSettings(
        rocrate_uri=crate, profile_identifier=profile, requirement_severity=models.Severity.REQUIRED, no_cache=True
    )
    session = requests.Session()
    session.mount("https://", ContextOnly())
    HttpRequester(no_cache=True).session = session
    issues = services.validate(settings).get_issues()
    return [f"{profile}, {issue.check.identifier}: {issue.message}" for issue in issues]


if __name__ == "__main__":
    crate, *profiles = sys.argv[1:]
    print("\n".join(each for profile in profiles for each in problems(Path(crate), profile)))
