"""What a client says of itself."""

import sys
from importlib.metadata import version

from mapred.versions import engine_version


def test_the_engines_version_is_that_which_its_installer_wrote_down():
    assert engine_version() == version("mapred")


def test_a_tree_that_is_not_installed_has_none(tmp_path, monkeypatch):
    (tmp_path / "mapred_hooks-2.0.dist-info").touch()
    monkeypatch.setattr(sys, "path", [str(tmp_path), str(tmp_path / "nowhere")])
    assert engine_version() == ""
