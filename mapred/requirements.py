"""Packages that a job needs where its tasks run: `Job.requirements = ["pandas>=2", "shapely"]`.

Words as pip takes them (PEP 508), without URLs. They are compared with what is installed, not
installed: a cluster's machines are their administrator's.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Final

from mapred.errors import JobDefinitionError

# In JobSpec.settings: the words, as JSON.
REQUIREMENTS: Final = "requirements"


def check_requirements(words: Sequence[str]) -> str:
    """The setting; empty without any.

    Raises:
        JobDefinitionError: what is no requirement.
    """
    if isinstance(words, str):
        raise JobDefinitionError(f'requirements = "{words}" is a text: write ["{words}"]')
    if not words:
        return ""
    # 20 ms that most jobs can do without.
    from packaging.requirements import InvalidRequirement, Requirement

    for word in words:
        try:
            url = Requirement(word).url
        except (InvalidRequirement, TypeError) as error:
            why = str(error).partition("\n")[0]
            raise JobDefinitionError(
                f"requirements: {word!r} is none, such as 'pandas>=2': {why}"
            ) from None
        if url:
            raise JobDefinitionError(
                f"requirements: '{word}' names a place; only names and versions are compared"
            )
    return json.dumps(list(words))


def missing_here(settings: Mapping[str, str]) -> str:
    """What this environment lacks, in words: "needs pandas>=3 (there is 2.2), shapely (there is
    none)"; empty when it has all."""
    if REQUIREMENTS not in settings:
        return ""
    from importlib.metadata import PackageNotFoundError, version

    from packaging.requirements import Requirement

    lacks = []
    for word in json.loads(settings[REQUIREMENTS]):
        wanted = Requirement(word)
        if wanted.marker is not None and not wanted.marker.evaluate():
            continue
        try:
            found = version(wanted.name)
        except PackageNotFoundError:
            lacks.append(f"{word} (there is none)")
            continue
        if not wanted.specifier.contains(found, prereleases=True):
            lacks.append(f"{word} (there is {found})")
    return f"needs {', '.join(lacks)}" if lacks else ""
