"""MLflow: runs, registered surrogates, and the provenance of every number."""
