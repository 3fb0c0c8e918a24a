"""What is packaged is what is in the tree, under three names and no other."""

import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOP_LEVEL = {"blockstore": "blockstore", "mapred": "mapred", "mapred_cli": "cli"}


def _project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def _packages_in_tree():
    return sorted(
        ".".join((name, *init.parent.relative_to(ROOT / folder).parts))
        for name, folder in TOP_LEVEL.items()
        for init in (ROOT / folder).rglob("__init__.py")
    )


def test_the_package_list_equals_the_tree():
    assert _project()["tool"]["setuptools"]["packages"] == _packages_in_tree()


def test_every_folder_with_python_files_is_a_package():
    without = [
        str(file.relative_to(ROOT))
        for folder in TOP_LEVEL.values()
        for file in (ROOT / folder).rglob("*.py")
        if not (file.parent / "__init__.py").exists()
    ]
    assert without == []


@pytest.mark.timeout(600)
def test_the_wheel_has_three_top_level_names(tmp_path):
    # A build writes into its source tree: give it a copy.
    source = tmp_path / "source"
    clutter = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist")
    shutil.copytree(ROOT, source, ignore=clutter)
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", tmp_path, source],
        check=True,
    )

    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(TOP_LEVEL)
    sources = {
        f"{name}/{file.relative_to(ROOT / folder)}"
        for name, folder in TOP_LEVEL.items()
        for file in (ROOT / folder).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert sources - set(names) == set(), "in the tree, but not in the wheel"
