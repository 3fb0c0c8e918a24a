import pytest

from blockstore.errors import ConfigException
from blockstore.runtime.daemon import check_bind


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.1.2.3"])
def test_loopback_needs_no_secret(host: str) -> None:
    check_bind("namenode", host, secret=None, insecure=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.4", "namenode"])
def test_an_open_door_needs_a_secret_or_the_users_word(host: str) -> None:
    with pytest.raises(ConfigException, match="MAPRED_SECRET"):
        check_bind("namenode", host, secret=None, insecure=False)
    check_bind("namenode", host, secret="sesame", insecure=False)
    check_bind("namenode", host, secret=None, insecure=True)
