"""The table of calls: a name of `program.ir.CALLS` and the function that does it to the model.

Every function takes the world and the call's arguments, changes the world only if it succeeds, and returns what a
correct core answers. Not in the table: `as`, `poke`, `peek` and `run`, which no process calls.
"""

from collections.abc import Callable, Mapping, Sequence

from sysfuzz.spec.expect import Expectation
from sysfuzz.spec.mmap import mmap, munmap
from sysfuzz.spec.move import mremap
from sysfuzz.spec.process import execve, fork, leave, lwp_create, lwp_exit, sigaction, sysarch, vfork
from sysfuzz.spec.special import SPECIAL, forbidden
from sysfuzz.spec.traits import madvise, mincore, minherit, mprotect, msync
from sysfuzz.spec.wire import mlock, mlockall, munlock, munlockall
from sysfuzz.spec.world import World

EFFECTS: Mapping[str, Callable[..., Expectation]] = {
    "mmap": mmap,
    "munmap": munmap,
    "mprotect": mprotect,
    "mremap": mremap,
    "minherit": minherit,
    "madvise": madvise,
    "mlock": mlock,
    "munlock": munlock,
    "mlockall": mlockall,
    "munlockall": munlockall,
    "msync": msync,
    "mincore": mincore,
    "fork": fork,
    "vfork": vfork,
    "exec": execve,
    "exit": leave,
    "lwp_create": lwp_create,
    "lwp_exit": lwp_exit,
    "sigaction": sigaction,
    "sysarch": sysarch,
}


def call(world: World, name: str, args: Sequence[int]) -> Expectation:
    """Do the call `name`, of an op or of code, for the LWP that runs; ENOSYS if the design has no such call."""
    if name in world.promise.without:
        return "ENOSYS"
    errno = forbidden(world, name, args)
    if errno:
        return errno
    effect = EFFECTS.get(name)
    if effect is None:
        if name not in world.promise.calls:
            return "ENOSYS"
        effect = SPECIAL[name]
    return effect(world, *args)
