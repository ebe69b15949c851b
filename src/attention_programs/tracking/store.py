"""What publishing and reading need of an MLflow store, wherever it is."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, TypeVar

from mlflow import MlflowClient
from mlflow.entities import Run, ViewType
from mlflow.exceptions import MlflowException
from mlflow.store.entities import PagedList

EXPERIMENT = "attention-programs"
"""The single experiment for all profiles and models: MLflow compares runs within an experiment."""
EXISTS = "RESOURCE_ALREADY_EXISTS"
"""MLflow's error code where another process was quicker."""
PAGE = 1000
"""Rows per query."""

Item = TypeVar("Item")


@dataclass(frozen=True)
class Store(ABC):
    """An open store."""

    root: Path
    """The repository's folder, absolute."""
    client: MlflowClient

    exclusive: ClassVar[bool]
    """Whether a lock in the project keeps every other publisher out."""

    @abstractmethod
    def artifact_location(self, experiment: str) -> str | None:
        """Where a new experiment's artifacts go; None leaves it to the server."""

    @abstractmethod
    def files(self, run: Run) -> AbstractContextManager[Path]:
        """A folder for a run's files, which are in the store when the ``with`` block ends."""

    @abstractmethod
    def remove_files(self, uri: str) -> None:
        """Removes the files behind an artifact address."""

    def experiment(self, name: str) -> str:
        """Id of the experiment of this name, which is created or, if deleted, restored."""
        found = self.client.get_experiment_by_name(name)
        if found is None:
            try:
                return str(self.client.create_experiment(name, artifact_location=self.artifact_location(name)))
            except MlflowException as error:
                if error.error_code != EXISTS:
                    raise
                return self.experiment(name)  # another process was quicker
        if found.lifecycle_stage == "deleted":
            self.client.restore_experiment(found.experiment_id)
        return str(found.experiment_id)

    def runs(self, experiment: str, condition: str) -> list[Run]:
        """Every run of an experiment that matches MLflow's filter ``condition``, oldest first."""
        order = ["attributes.start_time ASC"]
        return all_pages(
            lambda token: self.client.search_runs([experiment], condition, ViewType.ACTIVE_ONLY, PAGE, order, token)
        )


def all_pages(search: Callable[[str | None], PagedList[Item]]) -> list[Item]:
    """Everything that a search finds, which gives one page for each token."""
    page = search(None)
    found = list(page)
    while page.token:
        page = search(page.token)
        found += page
    return found
