"""Every weight of the generator, with its reason: how often each thing is tried.

These are the choices between ideas; the odds of an idiom's own variants are part of the idiom and stand there.

A table maps a name to (weight, reason); what a name does is said by the file that deals it. `deck` spreads a table into a tuple in which each
name stands as often as its weight, so that a choice is one random number and one index. Weights are small integers; single shares are
constants between 0 and 1. No weight decides whether something is possible, only how soon it happens.
"""

from collections.abc import Mapping
from typing import TypeVar

from sysfuzz.program.ir import Mode, Vendor
from sysfuzz.program.names import MAP

Name = TypeVar("Name", bound=str)
Meaning = TypeVar("Meaning")
Table = Mapping[str, tuple[int, str]]


def deck(table: Mapping[Name, tuple[int, str]]) -> tuple[Name, ...]:
    """Each name of `table` as often as its weight, in the table's order."""
    return tuple(name for name, (weight, _) in table.items() for _ in range(weight))


def deal(table: Table, meanings: Mapping[str, Meaning]) -> tuple[Meaning, ...]:
    """The deck of `table` with what each name means in its place. KeyError if a name has no weight or no meaning."""
    if table.keys() != meanings.keys():
        raise KeyError(f"weight or meaning missing: {', '.join(sorted(table.keys() ^ meanings.keys()))}")
    return tuple(meanings[name] for name in deck(table))


MODES: Mapping[Mode, tuple[int, str]] = {
    "amd64": (3, "two decodings of the same bytes, compatibility mode, 64-bit arithmetic"),
    "i386": (2, "all five gates and segments with a base exist only here"),
}
VENDORS: Mapping[Vendor, tuple[int, str]] = {
    "amd": (1, "sysenter is illegal in long mode"),
    "intel": (1, "syscall is illegal outside 64-bit mode; otherwise the same programs"),
}

# -- whole programs ---------------------------------------------------------------------------------------------------

IDIOMS: Table = {
    "beside": (14, "merging neighbours is where the historic core lost the attribute"),
    "straddle": (8, "the check itself: without it one entry in twenty lay at such a boundary"),
    "clip": (10, "every call on a part of a mapping copies its entry"),
    "move": (8, "mremap copies an entry field by field in the code that this models"),
    "resize": (8, "grow in place, grow by moving and shrink are three more such paths"),
    "overlay": (7, "MAP_FIXED removes and adds in one call"),
    "again": (5, "the same code before and after a change: a decision that was cached goes stale"),
    "alias": (4, "one file page under two addresses, of which one is flagged"),
    "fork": (8, "children copy maps and marks"),
    "vfork": (6, "two processes, one map: the mark must reach both"),
    "exec": (4, "the only place where a mark may end"),
    "inherit": (6, "four ways for a page to reach a child, and one value that must be refused"),
    "lwp": (2, "attributes are the process's, masks of signals the LWP's"),
    "closed loop": (6, "code that changes the map under itself"),
    "stub": (4, "who calls an entry is not where it lies: stubs of a libc are unflagged"),
    "segment": (5, "linear address = base + offset: a check that forgets the base looks elsewhere; i386 only"),
    "far transfer": (5, "32-bit code in a 64-bit process: other gates, addresses of 32 bits; amd64 only"),
    "sysenter": (4, "its origin is recorded by nobody, so only the mark can stop it"),
    "handler": (5, "the monitor itself: emulate and go on, from flagged or other pages"),
    "forged context": (3, "setcontext sets a PC that no jump has reached"),
    "written code": (4, "translations of code that was since overwritten"),
    "contents": (4, "pages that an entry loses or shows twice"),
    "file pages": (3, "which page of a file an entry shows, and whose copy; no other idiom looks at what a file holds"),
    "failure": (
        10,
        "forty rows of errors, each of which must change nothing: several of NetBSD's destroy before they fail",
    ),
    "brink": (
        6,
        "sums of pages that decide between success and an error: mutants of these had survived longest",
    ),
    "bad flags": (6, "the author's own bug: a panic where EINVAL or EOPNOTSUPP was due"),
    "wire": (4, "wiring clips entries and can fail halfway"),
    "limits": (4, "errors that come late in a call, when it may have changed something"),
    "ends": (4, "arithmetic at the ends of the address space"),
    "birth pages": (3, "the stack and the trampoline are mapped too: neighbours to merge with, pages to replace"),
    "anything": (8, "ops without a plan find what no plan names"),
}
SECOND_IDIOM = 0.15  # two idioms in one program meet each other's leftovers; more would pass ten ops, which minimise and replay slowly
EXTRA_OP = 0.3  # one unplanned op in between: the third step of a bug that needs three

# -- single ops -------------------------------------------------------------------------------------------------------

CALLS: Table = {
    "mmap": (20, "everything starts with a mapping"),
    "munmap": (6, "holes and clips"),
    "mprotect": (9, "clips; the call most often used beside mmap"),
    "mremap": (9, "moves and growth carry attributes"),
    "minherit": (5, "clips; decides what children get"),
    "madvise": (4, "clips; compared when entries merge"),
    "mlock": (4, "clips; can fail halfway"),
    "munlock": (2, "clips, where pages are locked"),
    "mlockall": (2, "changes what later mmaps do"),
    "munlockall": (1, "undoes it"),
    "msync": (1, "changes nothing but may fail in four ways"),
    "mincore": (1, "changes nothing but may fail in four ways"),
    "fork": (4, "copies a map"),
    "vfork": (3, "shares a map"),
    "exec": (2, "ends a map and a mark"),
    "exit": (1, "ends a process; most later ops then fail"),
    "lwp_create": (1, "a second LWP"),
    "lwp_exit": (1, "the last one ends the process"),
    "as": (5, "children do nothing until it names them"),
    "sigaction": (3, "a handler lets a run go on behind SIGILL"),
    "sysarch": (2, "segments with a base; EINVAL on amd64"),
    "poke": (8, "new code in an old place"),
    "peek": (2, "what did forking and remapping do to contents"),
    "run": (10, "an entry is judged only when it is made"),
}

# Rows of errors that a call can be brought to, each over pages that it must leave alone.
FAILURES: Table = {
    "mmap EINVAL sharing": (1, "both sharing types at once"),
    "mmap EINVAL address": (1, "misaligned"),
    "mmap EINVAL descriptor": (1, "found out behind the checks of the address"),
    "mmap EINVAL offset": (1, "negative"),
    "mmap EINVAL alignment": (2, "NetBSD finds out after it has unmapped what was there"),
    "mmap EOPNOTSUPP": (3, "one of the two errnos that the flag's author promised"),
    "mmap EFBIG": (1, "ends behind the space"),
    "mmap EOVERFLOW length": (1, "the end wraps"),
    "mmap EOVERFLOW offset": (2, "the file's end wraps: a sum of two numbers from the user"),
    "mmap EBADF": (2, "the descriptor is looked at late"),
    "mmap ENODEV": (2, "the same"),
    "mmap EACCES": (2, "the same, later"),
    "mmap ENOMEM": (2, "the limit is found when the old pages may be gone"),
    "mmap ENOMEM wired": (2, "the last row of all: NetBSD undoes the mapping"),
    "munmap EINVAL": (1, "wraps"),
    "munmap nothing": (1, "succeeds: the value before the first that does something"),
    "mprotect EINVAL": (1, "wraps"),
    "mprotect EACCES": (3, "found at a page behind others that were allowed"),
    "mprotect ENOMEM": (2, "NetBSD has changed the protection by then"),
    "mremap EINVAL hole": (2, "found when the move has begun"),
    "mremap EINVAL flags": (1, "the attribute's bit means nothing here"),
    "mremap ENOMEM taken": (3, "the target is not free, unlike elsewhere"),
    "mremap ENOMEM limit": (1, "cannot grow"),
    "minherit EINVAL": (1, "a value that was never implemented"),
    "madvise EINVAL": (1, "two such values"),
    "madvise EFAULT": (2, "a hole behind pages that could be freed"),
    "madvise EBUSY": (2, "a wired page, first or last"),
    "mlock EINVAL": (2, "a hole: the counts must be taken back"),
    "mlock EAGAIN": (1, "the limit"),
    "mlock ENOMEM": (1, "begins in a hole"),
    "munlock EINVAL": (2, "a page that is not wired, first or last"),
    "munlock ENOMEM": (1, "begins in a hole"),
    "mlockall EINVAL": (1, "nothing, or unknown bits"),
    "mlockall ENOMEM": (1, "the limit"),
    "msync EINVAL": (1, "nothing, unknown bits, or two that exclude each other"),
    "msync EFAULT": (2, "a hole"),
    "msync EBUSY": (1, "a wired page, first or last"),
    "mincore EINVAL": (2, "an empty range, or one that wraps"),
    "mincore EFAULT": (1, "the vector cannot be written"),
    "mincore ENOMEM": (1, "a hole"),
    "sigaction EINVAL": (1, "no signal, or one that nobody may catch"),
}

# Sums of a call, each brought to the last value that succeeds or the first that does not.
BRINKS: Table = {
    "wired over wired": (3, "pages that are replaced count no longer"),
    "locked again": (2, "pages that are wired count again"),
    "locked by all": (2, "the limit over all processes"),
    "wired by protection": (4, "five conditions decide which pages count"),
    "full space": (2, "the same sum as for wired pages, for all"),
    "aligned": (2, "the largest power of two; one that is there already"),
    "last page": (1, "an end that is the space's"),
    "part of a page": (2, "the offset's rest moves the address and the length"),
    "nothing": (3, "empty ranges: three calls, three meanings"),
    "wired is kept": (2, "the arguments with which wired pages are no error"),
}

# -- addresses, sizes, flags ------------------------------------------------------------------------------------------

ROOMS: Table = {
    "low": (10, "fixed low addresses are readable, and valid in both modes and in 32-bit segments"),
    "beside": (4, "touching an area: merges"),
    "top of 32 bits": (1, "offsets wrap here; amd64 only, elsewhere low"),
    "vm_min": (1, "a check that looks before the mapping leaves the space"),
    "vm_max": (1, "the next address after the last entry is no user address"),
    "stack": (1, "a neighbour that the program has not mapped"),
    "trampoline": (1, "the same, with execute permission"),
}
RESERVED_ROOM = 0.1  # a mapping without MAP_FIXED, then fixed ones over it, as loaders do
AIMS: Table = {
    "in an area": (8, "what calls are about"),
    "at its start": (5, "off by one"),
    "at its end": (5, "off by one, outside"),
    "its last page": (3, "clips at the end"),
    "beside it": (2, "a gap, or a neighbour"),
    "at a site": (2, "where code was poked"),
    "result": (2, "a number of an earlier op, right or wrong"),
    "ends of space": (1, "wraps and limits"),
    "born page": (1, "stack and trampoline"),
}
SPANS: Table = {
    "whole": (4, "no clip"),
    "first page": (4, "clip at the end only"),
    "last page": (4, "clip at the start only"),
    "middle": (4, "both clips"),
    "one byte": (1, "rounding to a page"),
    "nothing": (1, "an empty range: some calls return early, some refuse it"),
    "over the end": (3, "into a neighbour or a hole"),
    "over the start": (2, "from a neighbour or a hole"),
    "odd size": (1, "any size of SIZES"),
}
SIZES: Table = {
    "page": (8, "the smallest area"),
    "pages": (6, "room for clips"),
    "part of a page": (2, "rounding"),
    "page and a byte": (1, "rounding up"),
    "zero": (1, "an early return"),
    "end of a page": (1, "rounding up, from the last byte"),
    "end of 32 bits": (1, "a size that was truncated is 0, or small"),
    "many": (1, "the limit of pages"),
    "huge": (1, "beyond the end of the space"),
    "wrap": (1, "rounds to 0, or wraps around the end"),
}
PROTS: Table = {
    "rx": (10, "code, as a loader maps it"),
    "rwx": (5, "code that writes code"),
    "rw": (2, "not executable: a run faults"),
    "r": (1, "another value to compare when entries merge"),
    "none": (1, "skipped by wiring"),
    "wild": (1, "bits that are dropped silently"),
}
NEW_MAPPING_FLAGGED = 0.5  # half with, half without: the boundary between them is the subject
FIXED_MAPPING = 0.85  # others land where the core likes
EXTRA_MAP_FLAG = 0.1  # one more known flag; most have no effect or are compared when entries merge
BAD_MAP_FLAG = 0.04  # refused for certain, so the op is wasted but for the refusal
MAP_FILE = 0.06  # a file instead of anonymous memory; aliases have an idiom of their own
ALIGNED_MAP = 0.02  # five error rows of mmap; rarely of consequence for attributes

EXTRA_MAP_FLAGS: Table = {
    "MAP_SHARED": (3, "inheritance SHARE; with MAP_PRIVATE it is refused"),
    "MAP_COPY": (1, "an old name of MAP_PRIVATE"),
    "MAP_WIRED": (3, "wired counts are compared when entries merge, and limited"),
    "MAP_TRYFIXED": (2, "a hint that counts"),
    "MAP_STACK": (1, "known, without effect"),
    "MAP_NORESERVE": (1, "known, without effect"),
    "MAP_HASSEMAPHORE": (1, "known, without effect"),
    "MAP_INHERIT": (2, "unsupported together with MAP_NOSYSCALLS"),
    "MAP_RENAME": (2, "unsupported together with MAP_NOSYSCALLS"),
}
# Bits that no flag has (0x8, 0x100, 0x4000, 0x8000, bits 17 to 23), the two unsupported partners of MAP_NOSYSCALLS, both sharing types at once,
# and the alignments that are refused: below a page, as large as the space, beyond 64 bits.
BAD_MAP_DECK = (
    0x8, 0x100, 0x4000, 0x8000, 0x20000, 0x40000, 0x80000, 0x100000, 0x200000, 0x400000, 0x800000,
    MAP["MAP_INHERIT"], MAP["MAP_RENAME"], MAP["MAP_INHERIT"] | MAP["MAP_RENAME"], MAP["MAP_SHARED"],
    3 << 24, 11 << 24, 47 << 24, 63 << 24, 64 << 24, 255 << 24,
)  # fmt: skip

# -- code -------------------------------------------------------------------------------------------------------------

GATES_AMD64: Table = {
    "syscall": (36, "the gate of this mode"),
    "int80": (20, "works in every mode"),
    "sysenter": (14, "enters on Intel"),
    "lcall7": (1, "illegal in 64-bit code"),
    "lcall27": (1, "illegal in 64-bit code"),
    "lcall": (2, "no gate behind the selector"),
    "lcall [m]": (1, "a gate if the stack's top happens to say so"),
    "int": (1, "a vector that is no gate"),
    "int3": (1, "a trap whose saved address is the next one, as a gate's"),
    "int 3": (2, "the same in two bytes"),
    "icebp": (1, "the same by another vector"),
    "into": (1, "illegal in 64-bit code"),
    "int 4": (2, "a trap"),
    "ud0": (1, "SIGILL, but another code"),
    "ud1": (2, "the same; the replacement that recompiled binaries used"),
    "ud2": (1, "the same"),
    "hlt": (1, "a #GP that is no sysenter"),
    "in": (1, "a #GP that emulators forget"),
    "sysret": (1, "illegal at ring 3"),
    "sysexit": (1, "a #GP like that of a disabled sysenter"),
    "vex syscall": (1, "emulators have executed it; hardware refuses"),
    "vex sysenter": (1, "the same"),
}
GATES_I386: Table = {
    **GATES_AMD64,
    "int80": (28, "the gate of this mode"),
    "syscall": (14, "enters on AMD"),
    "sysenter": (14, "enters on both"),
    "lcall7": (16, "seven opcode bytes: six ways to straddle a boundary"),
    "lcall27": (10, "the same, another selector"),
}
SHAPES: Table = {
    "plain": (20, "number, arguments, prefixes, entry, return"),
    "bare": (10, "the entry may stand at the very start of an area"),
    "twice": (4, "the second call sees what the first has changed"),
    "loop": (1, "the block budget"),
    "hidden": (4, "an entry that no disassembly from the start shows"),
    "jump": (2, "an entry behind junk"),
    "self-modifying": (3, "an entry that is not there yet"),
    "sled": (2, "many starts"),
    "far call": (2, "a gate whose selector is in memory"),
    "noise": (1, "uniform bytes hardly ever enter"),
}
ERRANDS: Table = {
    "getpid": (40, "no effect: only the entry is at stake"),
    "harmless": (4, "read, write and others without effect"),
    "exit": (2, "the run ends in the kernel"),
    "fork": (3, "a child of code"),
    "execve": (1, "ends the map that the code is in"),
    "lwp": (1, "LWPs by code"),
    "mmap flagged": (6, "marks the process from inside a run"),
    "mmap plain": (3, "replaces pages, flagged ones too"),
    "mmap bad flags": (3, "a refusal in registers"),
    "munmap": (4, "may unmap the running page"),
    "mprotect": (4, "may take execute permission from the running page"),
    "minherit": (1, "as an op, by code"),
    "mremap": (3, "may move the running page"),
    "mlock": (1, "as an op, by code"),
    "madvise": (1, "as an op, by code"),
    "look": (1, "calls that change nothing, by code; one of them writes to user memory"),
    "sigaction": (2, "a handler at any address"),
    "sysarch": (1, "a segment at any base"),
    "setcontext": (2, "a context at any address"),
    "indirect": (3, "the number is not in the register"),
    "odd number": (3, "bits above the mask; unassigned numbers"),
}
# Of gates, those that enter on the CPU at hand; else any. Most programs are about what happens behind a gate, so that one that only faults is
# wasted; whether it faults is asked often enough by the rest.
ENTERING = 0.7
PREFIXED = 0.25  # prefixes move the start of an instruction without moving what the kernel is told
ONE_PREFIX = 0.7  # of these; else two to fourteen, of which the last makes the instruction too long
LOCK_PREFIX = 0.1  # of these: illegal before every entry
REX_PREFIX = 0.3  # of these: the last one, which only 64-bit code has

DISTANCES: Table = {
    "ends": (6, "the last opcode byte is the last byte before the boundary"),
    "straddles": (8, "some opcode bytes on either side"),
    "starts": (6, "the first opcode byte is the first byte behind the boundary"),
    "behind": (4, "a few bytes into the area behind"),
    "before": (4, "a few bytes away from the boundary, in the area before"),
    "away": (2, "the middle of a page"),
}
LONG_STRADDLES = 20  # more cards of that row for opcodes of more than two bytes: a far call has six ways to straddle
RUN_AT_START = 0.85  # of a block; else at its opcode, past its prefixes, or at any byte
AT_SEAM = 0.7  # of areas with an end beyond which the attribute is another, that end; else any
# A map that an idiom has broken shows in the core's own report, whatever is run; a check shows only where the attribute changes.
OTHER_BOUNDARY = 0.3  # of probes that an idiom has aimed
ELSEWHERE = 0.8  # where an idiom has left nothing to run, the probe goes to another area; else it shows the hole
PROBE_FLAGGED = 0.7  # of the areas to probe, flagged ones; else any executable one

# -- arming: for designs whose guard is put up by a call ----------------------------------------------------------------

ARMED = 0.9  # a program without a guard asks what the design does to those that do not use it
ARMED_BEFORE_RUNS = (
    0.8  # what the program maps is there by then; else anywhere, so that the map changes under the guard
)
ARMED_TWICE = 0.15  # once-flags, filters that add up
UNDONE = 0.2  # each of the calls that have put a guard down on some design
OTHER_LWP = 0.2  # guards of one thread
PREEMPTED = 0.06  # between two steps of arming; one program in twenty, as it ends most programs
TINY_RANGE = 0.08  # smaller than an instruction, or beginning inside of one
ONE_PAGE = 0.3  # of an area: the rest has the same mapping and another guard
NUDGED_RANGE = 0.25  # ends that are a byte or two off
EMPTY_RANGE = 0.03  # refused, or without effect
IMMUTABLE = 0.4  # calls that change mappings are in most programs already
VSYSCALL = 0.06  # three addresses are all there is to it
INCLUSIVE = 0.8  # the mode that the design is there for; the other one has a target of its own
SELECTOR = 0.4  # most programs of the field have one, but it lets most calls in or none
FLIPPED = 0.4  # of those: code writes it
PINNED = 0.85  # what the code has is pinned where it is; else a pin that is special
NUDGED_PIN = 0.15  # a byte or two off
ODD_COUNT = 0.15  # of pins: none, too many, one too few

# -- mutation ---------------------------------------------------------------------------------------------------------

MUTATIONS: Table = {
    "insert": (10, "one op, aimed by the map"),
    "delete": (7, "programs would only grow otherwise"),
    "duplicate": (3, "the same again: overlaps, counts, stale decisions"),
    "swap": (4, "what comes first decides what merges, and who inherits"),
    "replace": (4, "another call in the same place"),
    "argument": (22, "one value: the smallest step"),
    "block": (7, "other code in the same place"),
    "bytes": (5, "a byte of the code: prefixes, opcodes, immediates"),
    "slide": (7, "code and the runs that start in it move by a few bytes together"),
    "prefix": (4, "prefixes come and go while the opcode stays"),
    "gate": (5, "another entry, all else equal"),
    "mode": (2, "the other decoding of the same idea"),
    "vendor": (3, "what sysenter and syscall do"),
    "idiom": (8, "a whole idea in one step"),
    "registers": (4, "numbers and arguments"),
    "splice": (5, "a stretch of another program"),
}
MORE_MUTATIONS = 0.4  # after each one, another: two related changes can pass where either alone fails
MOST_MUTATIONS = 5  # keeps the child like its parent, and the time bounded
# Mutations that would take away the last run's code or mapping leave those alone and change something else. Without it, 74 % of the runs of
# mutants faulted at once.
SPARED = 0.8
NUDGED = 0.6  # of changed addresses and sizes: a small step from where it was
AIMED = 0.3  # of them: something else that the map offers; the rest turn a number into a reference, or back
# Ops beyond which a program is long. Mutations add more than they take, and a longer program always shows a feature more, so that without
# a limit programs grow with every generation, cost replay and minimising, and hide what matters. Up to it, growth stops with the square of
# the share. What needs more ops gets them one time in ten, and keeps them if they show something new. It is more than the 6 ops of the average
# fresh program: with 6, mutants lost the very step that mattered, and showed what a grandchild loses five times less often.
LONG_PROGRAM = 8
CUT = 0.9
SLIDES = (-7, -2, -1, -1, 1, 1, 2, 7)  # by one; by an entry of two or of seven bytes
NUDGES = (-0x1000, -0x1000, 0x1000, 0x1000, -1, 1, -2, 2, 0x2000, -0x2000, 7, -7)  # pages, bytes, opcodes
