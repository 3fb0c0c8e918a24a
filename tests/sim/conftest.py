"""The simulator's options: `pytest tests/sim --seed 1234` runs that seed alone, and traces it."""

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seed", type=int, default=None, help="run this simulator seed alone")


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """The cores log what happens to nodes; here that happens all the time."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)
