"""One thin script a DVC stage: read params, call the library, write files."""

import os

# Has to be set before torch is first imported. Threads that spin while they wait slow a shared machine down tenfold.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
