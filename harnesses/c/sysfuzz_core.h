/*
 * sysfuzz_core.h: what a kernel core written in C must offer to be fuzzed by `sysfuzz --target ./libcore.so`.
 *
 * A core is the part of a kernel that keeps memory maps and stands at every kernel entry. The host, sysfuzz, owns the emulated CPU and
 * the physical memory. It boots a core for every program, tells it what hardware tells a kernel (the trap frame, the address of a fault),
 * and asks page by page what is mapped. The functions below are those of src/sysfuzz/kernel/protocol.py; docs/semantics.md says what they
 * must do, docs/c-cores.md how to build and fuzz a library.
 *
 * One file of the library defines SYSFUZZ_IMPLEMENTATION before it includes this header: that gives the library its ABI version and, if
 * it is compiled for it, its coverage.
 *
 * The rules:
 *   - Plain C99, no threads. All functions are called from one thread, one at a time, and never for a core that was destroyed.
 *   - The same calls have the same answers: no clock, no random numbers, no addresses of the host. What one core does must not depend on
 *     those that were booted and destroyed before it.
 *   - An errno is a negative number, NetBSD's (sys/errno.h); those below are the ones that sysfuzz knows.
 *   - To give up, call host->panic(message) and return anything; or abort(), or fail an assertion, or crash: all of these are findings.
 *   - The structures have no padding; numbers are the machine's own.
 */

#ifndef SYSFUZZ_CORE_H
#define SYSFUZZ_CORE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define SYSFUZZ_API __attribute__((visibility("default")))
#else
#define SYSFUZZ_API
#endif

/* Changes whenever a structure, a function or its meaning does. The host opens libraries of its own version only. */
#define SYSFUZZ_ABI 1

/* -- Numbers -------------------------------------------------------------------------------------------------------------------------- */

enum sysfuzz_mode { SYSFUZZ_I386 = 32, SYSFUZZ_AMD64 = 64 };

enum sysfuzz_access { SYSFUZZ_READ = 1, SYSFUZZ_WRITE = 2, SYSFUZZ_EXEC = 4 }; /* the PROT_ bits, too */

/* Through which gate user code came; none for an exception. */
enum sysfuzz_gate {
	SYSFUZZ_FAULT = 0,
	SYSFUZZ_SYSCALL = 1,
	SYSFUZZ_INT80 = 2,
	SYSFUZZ_LCALL7 = 3,
	SYSFUZZ_LCALL27 = 4,
	SYSFUZZ_SYSENTER = 5
};

/* After which calls the LWP that made them does not go on in its code. */
enum sysfuzz_ends { SYSFUZZ_GOES_ON = 0, SYSFUZZ_ENDS_EXIT = 1, SYSFUZZ_ENDS_EXEC = 2 };

#define SYSFUZZ_PAGE 4096
#define SYSFUZZ_ATTRIBUTE_NOSYSCALLS 1u

enum sysfuzz_errno {
	SYSFUZZ_EPERM = 1,
	SYSFUZZ_ESRCH = 3,
	SYSFUZZ_EIO = 5,
	SYSFUZZ_E2BIG = 7,
	SYSFUZZ_EBADF = 9,
	SYSFUZZ_ENOMEM = 12,
	SYSFUZZ_EACCES = 13,
	SYSFUZZ_EFAULT = 14,
	SYSFUZZ_EBUSY = 16,
	SYSFUZZ_ENODEV = 19,
	SYSFUZZ_EINVAL = 22,
	SYSFUZZ_EFBIG = 27,
	SYSFUZZ_ERANGE = 34,
	SYSFUZZ_EAGAIN = 35,
	SYSFUZZ_EOPNOTSUPP = 45,
	SYSFUZZ_ENOSYS = 78,
	SYSFUZZ_EOVERFLOW = 84
};

/* The process that is born at boot and by exec (src/sysfuzz/program/layout.py), and the limits that programs may rely on. */
#define SYSFUZZ_AMD64_VM_MAX 0x7f8000000000ull
#define SYSFUZZ_AMD64_MMAP_BASE 0x700000000000ull
#define SYSFUZZ_I386_VM_MAX 0xbfc00000ull
#define SYSFUZZ_I386_MMAP_BASE 0x40000000ull
#define SYSFUZZ_VM_MIN 0x1000ull
#define SYSFUZZ_STACK_TOP(vm_max) ((vm_max) - 16 * SYSFUZZ_PAGE)
#define SYSFUZZ_STACK(vm_max) (SYSFUZZ_STACK_TOP(vm_max) - 4 * SYSFUZZ_PAGE)
#define SYSFUZZ_TRAMPOLINE(vm_max) (SYSFUZZ_STACK(vm_max) - 16 * SYSFUZZ_PAGE)
#define SYSFUZZ_MAX_PAGES 256
#define SYSFUZZ_MAX_LOCKED_PAGES 64
#define SYSFUZZ_MAX_WIRED_PAGES 128
#define SYSFUZZ_MAX_PROCESSES 8
#define SYSFUZZ_MAX_LWPS 8
#define SYSFUZZ_FILE_PAGES 16
#define SYSFUZZ_USER_CODE32 0x23
#define SYSFUZZ_USER_CODE64 0x33

/* -- What the host offers ------------------------------------------------------------------------------------------------------------- */

/* Valid from sysfuzz_boot to sysfuzz_destroy. Pass `context` to each function. */
struct sysfuzz_host {
	void *context;
	const uint8_t *memory; /* guest-physical memory: read it here, write it with `write` */
	uint64_t memory_size;
	/* Physical address of a fresh page that holds zeros. 0: there is none left. Then fail the call in any way: the host ends the program. */
	uint64_t (*allocate)(void *context);
	/* Write `size` bytes at a physical address, not across the page's end. */
	void (*write)(void *context, uint64_t paddr, const void *data, uint64_t size);
	/* The core gives up. Returns; what the core does or answers from then on is not looked at, and the core is destroyed. */
	void (*panic)(void *context, const char *message);
};

/* -- What is said --------------------------------------------------------------------------------------------------------------------- */

/* The trap frame: what hardware saved, and the registers. The core changes it to say how the LWP goes on. */
struct sysfuzz_frame {
	uint32_t gate;
	uint32_t cs;       /* selector */
	uint64_t pc;       /* next instruction (gates, traps) or this one (faults), relative to CS; 0 for sysenter */
	uint64_t flags;
	uint64_t regs[16]; /* in register-number order: rax rcx rdx rbx rsp rbp rsi rdi r8 ...; the first 8 on i386 */
};

/* What the core did about one entry or exception; all zeros when the core gets it. */
struct sysfuzz_reply {
	char call[32];          /* name of the dispatched call ("mmap"), "#77" for an unassigned number; "" if blocked, or an exception */
	uint64_t args[8];       /* its arguments as the core read them */
	uint32_t nargs;
	uint32_t signed_args;   /* bit i: args[i] is an int64_t, as a descriptor is */
	int64_t result;         /* or a negative errno */
	uint32_t signal;        /* number of the signal that is delivered; 0: none */
	uint32_t code;          /* its si_code */
	uint64_t addr;          /* its si_addr */
	uint64_t saved_pc;      /* in the context that the handler finds */
	uint64_t saved_regs[16];
	uint32_t handled;       /* a handler is entered; otherwise the run ends */
	uint32_t ends;          /* enum sysfuzz_ends */
	uint32_t locked;        /* the origin check took the map lock */
	uint32_t reserved;
};

/* One entry of a map, [start, end). */
struct sysfuzz_region {
	uint64_t start;
	uint64_t end;
	uint32_t prot;
	uint32_t maxprot;
	uint32_t inherit;
	uint32_t advice;
	uint32_t wired; /* count */
	uint32_t attributes;
};

/* One live process. */
struct sysfuzz_view {
	uint32_t pid;
	uint32_t marked;   /* the process flag: something in its map has, or had, an attribute */
	uint32_t nregions; /* that many of the regions are its own */
	uint32_t reserved;
};

/* A code segment of a process's local descriptor table. */
struct sysfuzz_segment {
	uint32_t slot;
	uint32_t base;
};

/* -- What the core must offer --------------------------------------------------------------------------------------------------------- */

typedef struct sysfuzz_core sysfuzz_core; /* yours */

/* SYSFUZZ_ABI as the library was compiled with; SYSFUZZ_IMPLEMENTATION defines it. */
SYSFUZZ_API uint32_t sysfuzz_abi(void);

/* A booted kernel with process 1, LWP 1, for programs of a mode. 0: there is none, which is a panic. */
SYSFUZZ_API sysfuzz_core *sysfuzz_boot(const struct sysfuzz_host *host, uint32_t mode);

/* Free all that the core has; also one that has panicked. */
SYSFUZZ_API void sysfuzz_destroy(sysfuzz_core *core);

/* Do the call `name` in a process: a value or a negative errno; ENOSYS for a name that the core does not have. */
SYSFUZZ_API int64_t sysfuzz_call(sysfuzz_core *core, uint32_t pid, uint32_t lwp, const char *name, const uint64_t *args, uint32_t nargs);

/* A kernel entry through frame->gate: block it with SIGILL, or dispatch the call. */
SYSFUZZ_API void sysfuzz_enter(
    sysfuzz_core *core, uint32_t pid, uint32_t lwp, struct sysfuzz_frame *frame, struct sysfuzz_reply *reply);

/* An exception: deliver its signal. `addr` is that of a page fault (vector 14), else 0. */
SYSFUZZ_API void sysfuzz_fault(sysfuzz_core *core, uint32_t pid, uint32_t lwp, struct sysfuzz_frame *frame, uint32_t vector,
    uint64_t addr, struct sysfuzz_reply *reply);

/* Physical address of the page at `vaddr` (page-aligned) with its PROT_ bits or'ed in, or 0: a fault. May allocate or copy a page. */
SYSFUZZ_API uint64_t sysfuzz_fill(sysfuzz_core *core, uint32_t pid, uint64_t vaddr, uint32_t access);

/* Write and read as a loader would, whatever the protection: 0, or EFAULT and nothing done. */
SYSFUZZ_API int64_t sysfuzz_poke(sysfuzz_core *core, uint32_t pid, uint64_t addr, const uint8_t *data, uint64_t size);
SYSFUZZ_API int64_t sysfuzz_peek(sysfuzz_core *core, uint32_t pid, uint64_t addr, uint8_t *data, uint64_t size);

/* The LWP that `lwp` means (0: the lowest alive), 0 if there is none. */
SYSFUZZ_API uint32_t sysfuzz_alive(sysfuzz_core *core, uint32_t pid, uint32_t lwp);

/* Whether SYSENTER_CS is set while the process runs; if not, the instruction raises #GP. */
SYSFUZZ_API uint32_t sysfuzz_sysenter_enabled(sysfuzz_core *core, uint32_t pid);

/* The code segments of the process's local table, by slot: at most `room` of them are written; how many. */
SYSFUZZ_API uint32_t sysfuzz_segments(sysfuzz_core *core, uint32_t pid, struct sysfuzz_segment *segments, uint32_t room);

/*
 * All live processes by pid, and the regions of each, sorted, one process after the other; how many processes.
 * SYSFUZZ_NO_ROOM if they do not fit, which is a panic: the host has room for all that the limits above allow.
 */
#define SYSFUZZ_NO_ROOM 0xffffffffu
SYSFUZZ_API uint32_t sysfuzz_views(
    sysfuzz_core *core, struct sysfuzz_view *views, uint32_t view_room, struct sysfuzz_region *regions, uint32_t region_room);

/* What the maps did since this was asked last: words of your own with a space between ("clip merge-back"), for feedback; "" if you do not
 * say. The text is the core's, and stays until its next function is called. */
SYSFUZZ_API const char *sysfuzz_transitions(sysfuzz_core *core);

/* The core's own consistency check at a program's end: "" or what is wrong. The text is the core's. */
SYSFUZZ_API const char *sysfuzz_check(sysfuzz_core *core);

/* -- What it may offer ---------------------------------------------------------------------------------------------------------------- */

/* A library without these is judged by what nosyscalls promises, and has all of its calls. The first two are asked before any boot. */

/* The name of the design by whose promise the core is judged: "sud". docs/own-core.md has them all. */
SYSFUZZ_API const char *sysfuzz_promise(void);

/* Names of calls that the core does not have, with blanks between them: "mremap _lwp_self". They answer ENOSYS. */
SYSFUZZ_API const char *sysfuzz_unsupported(void);

/*
 * What the core enforces in a process beside the attributes of its regions: rows of words as docs/own-core.md says for each promise, each
 * row as the number of its words followed by these. How many words were written, all rows together; SYSFUZZ_NO_ROOM if they do not fit,
 * which is a panic.
 */
SYSFUZZ_API uint32_t sysfuzz_guard(sysfuzz_core *core, uint32_t pid, uint64_t *words, uint32_t room);

#ifdef __cplusplus
}
#endif
#endif /* SYSFUZZ_CORE_H */

/* -- The implementation: once in a library -------------------------------------------------------------------------------------------- */

#ifdef SYSFUZZ_IMPLEMENTATION
#undef SYSFUZZ_IMPLEMENTATION

#ifdef __cplusplus
extern "C" {
#endif

SYSFUZZ_API uint32_t sysfuzz_abi(void)
{
	return SYSFUZZ_ABI;
}

/*
 * Coverage, with two compilers' words for it. clang -fsanitize-coverage=inline-8bit-counters,pc-table keeps counters of its own and tells
 * where they are when the library is loaded; gcc -fsanitize-coverage=trace-pc (12 and later) calls a function at every block, which counts
 * here, by the block's place in the library. The functions are hidden: the library finds its own and can be loaded without a
 * fuzzer. The host asks where the counters are, and tells libFuzzer.
 */
#if defined(__GNUC__)
#define SYSFUZZ_HIDDEN __attribute__((visibility("hidden")))
#if defined(__clang__)
#define SYSFUZZ_UNTRACED __attribute__((no_sanitize("coverage")))
#elif __GNUC__ >= 12
#define SYSFUZZ_UNTRACED __attribute__((no_sanitize_coverage))
#else
#define SYSFUZZ_UNTRACED
#endif

#define SYSFUZZ_RANGES 64           /* of counters; a linker makes one of those of all object files */
#define SYSFUZZ_TRACE_COUNTERS 4096 /* a power of 2: libFuzzer looks at all of them after each execution */

extern const char __ehdr_start[] SYSFUZZ_HIDDEN; /* the linker's: where the library begins, and where its code ends */
extern const char etext[] SYSFUZZ_HIDDEN;

static uint8_t *sysfuzz_ranges[SYSFUZZ_RANGES][2];
static uint32_t sysfuzz_range_count;
static uint8_t sysfuzz_trace[SYSFUZZ_TRACE_COUNTERS];
static uint32_t sysfuzz_traced;

SYSFUZZ_HIDDEN SYSFUZZ_UNTRACED void __sanitizer_cov_8bit_counters_init(uint8_t *start, uint8_t *stop)
{
	uint32_t i;

	for (i = 0; i < sysfuzz_range_count; i++)
		if (sysfuzz_ranges[i][0] == start)
			return;
	if (start < stop && sysfuzz_range_count < SYSFUZZ_RANGES) {
		sysfuzz_ranges[sysfuzz_range_count][0] = start;
		sysfuzz_ranges[sysfuzz_range_count++][1] = stop;
	}
}

SYSFUZZ_HIDDEN SYSFUZZ_UNTRACED void __sanitizer_cov_pcs_init(const uintptr_t *start, const uintptr_t *stop)
{
	(void)start;
	(void)stop;
}

#if defined(__clang__) || __GNUC__ >= 12 /* older ones would trace the function itself */
SYSFUZZ_HIDDEN SYSFUZZ_UNTRACED void __sanitizer_cov_trace_pc(void)
{
	uintptr_t here = (uintptr_t)__builtin_return_address(0) - (uintptr_t)__ehdr_start;
	uint8_t *counter = &sysfuzz_trace[(here * 0x9e3779b1u >> 8) % SYSFUZZ_TRACE_COUNTERS];

	if (here >= (uintptr_t)etext - (uintptr_t)__ehdr_start)
		return; /* a tail call from the core's last block: this is the host's address, and changes from run to run */
	sysfuzz_traced = 1;
	if (*counter < 255)
		++*counter;
}
#endif

/* Counters number `index`: [*start, *stop); 0 if there are no more. Ask after a core has been booted. */
SYSFUZZ_API SYSFUZZ_UNTRACED uint32_t sysfuzz_counters(uint32_t index, uint8_t **start, uint8_t **stop)
{
	if (index < sysfuzz_range_count) {
		*start = sysfuzz_ranges[index][0];
		*stop = sysfuzz_ranges[index][1];
		return 1;
	}
	if (index == sysfuzz_range_count && sysfuzz_traced) {
		*start = sysfuzz_trace;
		*stop = sysfuzz_trace + SYSFUZZ_TRACE_COUNTERS;
		return 1;
	}
	return 0;
}
#endif

#ifdef __cplusplus
}
#endif
#endif /* SYSFUZZ_IMPLEMENTATION */
