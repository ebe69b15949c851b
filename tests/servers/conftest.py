"""The servers that all of these tests share."""

from collections.abc import Iterator

import pytest
from team_servers import TeamServers, team_servers


@pytest.fixture(scope="session")
def servers() -> Iterator[TeamServers]:
    with team_servers() as running:
        yield running
