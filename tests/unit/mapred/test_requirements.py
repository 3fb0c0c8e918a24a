"""What a job requires is compared with what is installed, in pip's words."""

from importlib.metadata import version

import pytest

from mapred.errors import JobDefinitionError
from mapred.requirements import REQUIREMENTS, check_requirements, missing_here

NUMPY = version("numpy")


@pytest.mark.parametrize(
    ("words", "lacks"),
    [
        ([], ""),
        (["numpy"], ""),
        (["NumPy>=1,<1000", f"numpy=={NUMPY}"], ""),
        (["numpy>=1000"], f"needs numpy>=1000 (there is {NUMPY})"),
        (["numpy", "no-such-package>2"], "needs no-such-package>2 (there is none)"),
        (["no-such-package; python_version < '3'"], ""),
    ],
)
def test_what_is_missing_is_told_with_what_there_is(words, lacks):
    setting = check_requirements(words)
    assert missing_here({REQUIREMENTS: setting} if setting else {}) == lacks


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("numpy", r'write \["numpy"\]'),
        (["numpy version 2"], "'numpy version 2' is none, such as"),
        (["x @ https://example.org/x.whl"], "names a place"),
        ([3], "3 is none"),
    ],
)
def test_what_is_no_requirement_is_refused(words, why):
    with pytest.raises(JobDefinitionError, match=why):
        check_requirements(words)
