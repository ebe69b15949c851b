"""Text in, a program for every attention head out, the heads replaced, and a record that proves it.

Read the folders in this order, which is the order of the data:
corpora, models, attention, programs, synthesis, scoring, surrogate, tracking, report.
"""

import os

__version__ = "0.1.0"

# Has to be set before torch is first imported. Threads that spin while they wait slow a shared machine down tenfold.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
