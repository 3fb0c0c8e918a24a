"""Makes `orders.py` of this folder importable: the documented order as an oracle."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
