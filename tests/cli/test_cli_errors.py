"""What the engine says of itself, as one line."""

import pytest

from sysfuzz.cli.errors import ENGINE_FAULT, engine_fault
from sysfuzz.engine.process import EngineError


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "a worker could not start\nTraceback:\n  ...\n\nImportError: x\n",
            "the engine: a worker could not start: ImportError: x",
        ),
        ("no scheduler at tcp://h:1", "the engine: no scheduler at tcp://h:1"),
        ("a\na\n", "the engine: a"),
        ("", "the engine"),
    ],
)
def test_what_the_engine_says_is_told_once(said: str, told: str) -> None:
    """Its first line and its last, once if they are the same; exit code 3."""
    fault = engine_fault(EngineError(said))
    assert (fault.message, fault.exit_code) == (told, ENGINE_FAULT)
