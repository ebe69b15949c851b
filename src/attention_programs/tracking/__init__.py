"""MLflow: runs, registered surrogates, and the way back from every number to what it was made of."""

import os

# MLflow reads these when it is first imported.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")
