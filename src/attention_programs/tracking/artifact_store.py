"""MLflow plugin for addresses relative to the project, loaded while MLflow is being imported."""

from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

from attention_programs.tracking.addresses import current_root, resolve


class RepositoryArtifactRepository(LocalArtifactRepository):
    """Artifacts with the scheme ``repo``: local files below the repository's ``mlruns/artifacts``."""

    def __init__(self, artifact_uri: str, tracking_uri: str | None = None, registry_uri: str | None = None) -> None:
        """Resolves the address once; a UserError says if it leaves the store or has no repository."""
        super().__init__(artifact_uri, tracking_uri, registry_uri)
        self._artifact_dir = str(resolve(artifact_uri, current_root()))
