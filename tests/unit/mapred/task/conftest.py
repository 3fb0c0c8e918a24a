"""Makes `harness.py` of this folder importable: a job run attempt by attempt in this process."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
