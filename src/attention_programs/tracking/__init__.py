"""MLflow: runs, registered surrogates, and the way back from every number to what it was made of."""

# MLflow looks for our artifact repository while it loads; it has to come first, or it meets that module half made.
import mlflow.store.artifact.artifact_repository_registry  # noqa: F401
