"""What the tests of the generator share: the reference, to see what programs really do."""

import pytest

from sysfuzz.targets.table import Target, get


@pytest.fixture(scope="session")
def reference() -> Target:
    """The target without a weakness."""
    return get("nosyscalls")
