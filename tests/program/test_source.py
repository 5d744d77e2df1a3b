"""Located errors: one line, whatever they say, and whole when they come from another process."""

import pickle

from sysfuzz.program.source import TextError


def test_an_error_is_one_line_with_its_place() -> None:
    """File, line and column come first, as compilers print them."""
    error = TextError("dir/a.prog", 3, 14, "at most 40 ops are supported")
    assert str(error) == "dir/a.prog:3:14: at most 40 ops are supported"


def test_a_file_name_does_not_break_the_line() -> None:
    """A name with a line end in it is shown quoted."""
    assert str(TextError("a\n.prog", 1, 2, "x")) == r"'a\n.prog':1:2: x"


def test_an_error_survives_pickling() -> None:
    """Workers hand errors to the process that started them."""
    error = pickle.loads(pickle.dumps(TextError("a.prog", 3, 14, "x")))
    assert (error.file, error.line, error.column, error.message) == ("a.prog", 3, 14, "x")
