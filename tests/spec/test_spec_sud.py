"""sud: errors in their order, and whose the setting is."""

import pytest

from special_worlds import A, do, guards, world_of
from sysfuzz.program.layout import LAYOUTS
from sysfuzz.program.names import PAGE

OFF, ON, INCLUSIVE = 0, 1, 2
MODES = ["amd64", "i386"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("args", "sud", "inclusive"),
    [
        ((OFF, 0, 0, 0), 0, 0),
        ((OFF, 1, 0, 0), "EINVAL", "EINVAL"),
        ((OFF, 0, 1, 0), "EINVAL", "EINVAL"),
        ((OFF, 0, 0, 1), "EINVAL", "EINVAL"),
        ((ON, 0, 0, 0), 0, 0),
        ((ON, 0, "mask", 0), 0, 0),
        ((ON, 1, 0, 0), "EINVAL", "EINVAL"),
        ((ON, 1, "mask", 0), "EINVAL", "EINVAL"),
        ((ON, A, PAGE, "vm_max"), "EFAULT", "EFAULT"),
        ((ON, A, PAGE, A), 0, 0),
        ((ON, 1, 0, "vm_max"), "EINVAL", "EINVAL"),
        ((INCLUSIVE, A, PAGE, 0), "EINVAL", 0),
        ((INCLUSIVE, 0, 1, 0), "EINVAL", 0),
        ((INCLUSIVE, A, 0, 0), "EINVAL", "EINVAL"),
        ((INCLUSIVE, 1, "mask", 0), "EINVAL", "EINVAL"),
        ((INCLUSIVE, A, PAGE, "mask"), "EINVAL", "EFAULT"),
        ((3, 0, 0, 0), "EINVAL", "EINVAL"),
    ],
)
def test_sud_errors_in_their_order(mode, args, sud, inclusive):
    """The mode's arguments before the selector's address; what is set is the LWP's own row."""
    layout = LAYOUTS[mode]
    values = tuple(getattr(layout, arg) if isinstance(arg, str) else arg for arg in args)
    for name, result in (("sud", sud), ("sud-inclusive", inclusive)):
        world = world_of(name, mode)
        assert do(world, "sud", *values) == result
        assert guards(world)[1] == (((1, *values),) if result == 0 and values[0] != OFF else ())


@pytest.mark.parametrize("strict", [False, True])
def test_sud_is_each_lwps(strict):
    """A later setting replaces the LWP's own; new LWPs have that of their maker by the strongest reading alone; OFF and the end take it away."""
    world = world_of("sud", strict=strict)
    assert do(world, "sud", ON, A, 1, 0) == 0
    assert do(world, "lwp_create") == 2
    assert guards(world)[1] == ((1, ON, A, 1, 0), (2, ON, A, 1, 0))[: 1 + strict]
    assert do(world, "sud", ON, A, 2, 0) == 0
    assert do(world, "sud", OFF, 0, 0, 0, lwp=2) == 0
    assert guards(world)[1] == ((1, ON, A, 2, 0),)
    assert do(world, "sud", ON, A, 3, 0, lwp=2) == 0
    assert do(world, "lwp_exit") == 0
    assert guards(world)[1] == ((2, ON, A, 3, 0),)
