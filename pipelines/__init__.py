"""One thin script per DVC stage: read params, call the library, write files."""

import os

# Must be set before torch is first imported. Threads that spin while waiting slow a shared machine down tenfold.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
