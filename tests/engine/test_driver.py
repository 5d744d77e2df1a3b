"""Names of factories."""

import pytest

from sysfuzz.engine.driver import load_factory
from toy_jobs import Puzzle


def test_a_factory_is_found() -> None:
    """module:attribute is the attribute of the module."""
    assert load_factory("toy_jobs:Puzzle") is Puzzle


@pytest.mark.parametrize("name", ["toy_jobs", "toy_jobs:", ":Puzzle", ""])
def test_other_names_are_refused(name: str) -> None:
    """What is no such name is told what one looks like."""
    with pytest.raises(ValueError, match="supported: module:attribute"):
        load_factory(name)
