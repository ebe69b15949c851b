"""MLflow: runs, registered surrogates, and the way back from every number to what it was made of."""
