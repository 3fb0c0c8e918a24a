"""Fits run without processes unless a test opens a session of its own: what is learned is the
same, and a round costs a few milliseconds."""

import pytest

from mapred.ml import session
from tests.unit.mapred.ml.inline import InlineEngine


@pytest.fixture(scope="session", autouse=True)
def in_this_process():
    with session(engine=InlineEngine()):
        yield
