from dataclasses import dataclass
from pathlib import Path

import pytest

from blockstore.errors import ConfigException
from blockstore.runtime.config import cluster_secret, parse_address, settings


@dataclass(frozen=True)
class Sample:
    heartbeat_interval_s: float = 1.0
    replication: int = 3


def test_words_become_typed_settings() -> None:
    assert settings(Sample, ["replication=2", "heartbeat_interval_s=0.5"]) == Sample(0.5, 2)


@pytest.mark.parametrize("word", ["replicas=2", "replication", "replication=many"])
def test_a_bad_word_is_refused_and_named(word: str) -> None:
    with pytest.raises(ConfigException, match=word.partition("=")[0]):
        settings(Sample, [word])


def test_an_unknown_name_gets_the_list_of_the_known() -> None:
    with pytest.raises(ConfigException, match=r"heartbeat_interval_s \(default 1.0\)"):
        settings(Sample, ["heartbeat=2"])


def test_the_secret_comes_from_a_word_or_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("from the file\n")
    assert cluster_secret({}) is None
    assert cluster_secret({"MAPRED_SECRET": "word"}) == "word"
    assert cluster_secret({"MAPRED_SECRET_FILE": str(file)}) == "from the file"
    file.write_text("")
    with pytest.raises(ConfigException, match="empty"):
        cluster_secret({"MAPRED_SECRET_FILE": str(file)})


def test_addresses() -> None:
    assert parse_address("dn1:9866", 1) == ("dn1", 9866)
    assert parse_address("dn1", 9866) == ("dn1", 9866)
    assert parse_address("[::1]:80", 1) == ("::1", 80)
    for wrong in (":80", "dn1:http", "dn1:70000", ""):
        with pytest.raises(ConfigException):
            parse_address(wrong, 1)
