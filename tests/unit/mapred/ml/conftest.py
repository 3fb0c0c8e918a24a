"""One engine for all fits of a test process: what starts processes is paid for once."""

import pytest

from mapred.ml import session


@pytest.fixture(scope="session", autouse=True)
def on_one_engine():
    with session(workers=2):
        yield
