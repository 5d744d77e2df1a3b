/*
 * System calls: by name, as the ops of a program make them, and by number, as code does.
 *
 * Numbers are those of NetBSD's syscalls.master, taken modulo 512 as its handlers do. What a call does is one function for both.
 */

#include <stdio.h>
#include <string.h>

#include "kernel.h"

#define NUMBERS 512
#define CARRY 1u
enum { MAX_ARGS = 7 }; /* words: mmap has a padding word before its offset */

typedef value_t call_t(struct sysfuzz_core *, struct process *, uint32_t lwp, const uint64_t *args);

#define CALL(name, result) \
	static value_t name(struct sysfuzz_core *core, struct process *process, uint32_t lwp, const uint64_t *a) \
	{ \
		(void)core, (void)process, (void)lwp, (void)a; \
		return result; \
	}
#define INT(value) ((uint32_t)(value))

static value_t set_handler(struct process *process, uint32_t signal, uint64_t handler)
{
	if (signal < 1 || signal >= SIGNALS || signal == SIG_KILL || signal == SIG_STOP)
		return -SYSFUZZ_EINVAL;
	process->handlers[signal] = handler;
	return 0;
}

static value_t set_segment(struct sysfuzz_core *core, struct process *process, uint32_t operation, uint32_t slot, uint64_t base)
{
	if (operation != I386_SET_LDT || core->bits != 32 || slot < FIRST_SLOT || slot >= SLOTS)
		return -SYSFUZZ_EINVAL;
	process->has_segment[slot] = true;
	process->segments[slot] = (uint32_t)base;
	return slot;
}

/* sigaction by code: a pointer to a structure whose first word is the handler. */
static value_t code_sigaction(struct sysfuzz_core *core, struct process *process, uint32_t lwp, const uint64_t *a)
{
	uint64_t handler = 0;

	(void)lwp;
	if (!user_read(core, process, a[1], &handler, core->bits / 8, false))
		return -SYSFUZZ_EFAULT;
	return set_handler(process, INT(a[0]), handler);
}

/* sysarch by code: a pointer to two words, slot and base. */
static value_t code_sysarch(struct sysfuzz_core *core, struct process *process, uint32_t lwp, const uint64_t *a)
{
	uint32_t words[2];

	(void)lwp;
	if (INT(a[0]) != I386_SET_LDT || core->bits != 32)
		return -SYSFUZZ_EINVAL;
	if (!user_read(core, process, a[1], words, sizeof words, false))
		return -SYSFUZZ_EFAULT;
	return set_segment(core, process, INT(a[0]), words[0], words[1]);
}

CALL(do_mmap, sys_mmap(core, process, a[0], a[1], INT(a[2]), INT(a[3]), (int32_t)a[4], a[5]))
CALL(do_munmap, sys_munmap(core, process, a[0], a[1]))
CALL(do_mprotect, sys_mprotect(core, process, a[0], a[1], INT(a[2])))
CALL(do_mremap, sys_mremap(core, process, a[0], a[1], a[2], a[3], INT(a[4])))
CALL(do_minherit, sys_minherit(core, process, a[0], a[1], INT(a[2])))
CALL(do_madvise, sys_madvise(core, process, a[0], a[1], INT(a[2])))
CALL(do_mlock, sys_mlock(core, process, a[0], a[1]))
CALL(do_munlock, sys_munlock(core, process, a[0], a[1]))
CALL(do_mlockall, sys_mlockall(core, process, INT(a[0])))
CALL(do_munlockall, sys_munlockall(core, process))
CALL(do_msync, sys_msync(core, process, a[0], a[1], INT(a[2])))
CALL(do_mincore, sys_mincore(core, process, a[0], a[1], a[2]))
CALL(do_fork, process_fork(core, process, false))
CALL(do_vfork, process_fork(core, process, true))
CALL(do_exec, (process_exec(core, process, lwp), 0))
CALL(do_exit, (process_exit(core, process), 0))
CALL(do_lwp_create, lwp_create(process))
CALL(do_lwp_exit, (lwp_exit(core, process, lwp), 0))
CALL(do_lwp_self, lwp)
CALL(do_getpid, process->pid)
CALL(do_transfer, (int64_t)a[0] >= 0 && (int64_t)a[0] < FILES ? 0 : -SYSFUZZ_EBADF) /* open descriptors transfer nothing */
CALL(do_sigaction, set_handler(process, INT(a[0]), a[1]))
CALL(do_sysarch, set_segment(core, process, INT(a[0]), INT(a[1]), a[2]))

static const struct {
	const char *name;
	call_t *call;
	uint32_t nargs;
} ops[] = {
	{"mmap", do_mmap, 6}, {"munmap", do_munmap, 2}, {"mprotect", do_mprotect, 3}, {"mremap", do_mremap, 5},
	{"minherit", do_minherit, 3}, {"madvise", do_madvise, 3}, {"mlock", do_mlock, 2}, {"munlock", do_munlock, 2},
	{"mlockall", do_mlockall, 1}, {"munlockall", do_munlockall, 0}, {"msync", do_msync, 3}, {"mincore", do_mincore, 3},
	{"fork", do_fork, 0}, {"vfork", do_vfork, 0}, {"exec", do_exec, 0}, {"exit", do_exit, 1}, {"lwp_create", do_lwp_create, 0},
	{"lwp_exit", do_lwp_exit, 0}, {"sigaction", do_sigaction, 2}, {"sysarch", do_sysarch, 3},
};

value_t call_by_name(struct sysfuzz_core *core, struct process *process, uint32_t lwp, const char *name, const uint64_t *args, uint32_t nargs)
{
	size_t i;

	for (i = 0; i < sizeof ops / sizeof ops[0]; i++)
		if (strcmp(ops[i].name, name) == 0 && ops[i].nargs == nargs)
			return ops[i].call(core, process, lwp, args);
	return -SYSFUZZ_ENOSYS;
}

/* By number: types of arguments are w a word, i an int, s a signed int, p padding, o a 64-bit offset. */
static const struct {
	uint32_t number;
	const char *name;
	const char *types;
	call_t *call; /* none: setcontext, which is about the frame */
	uint32_t ends;
} syscalls[] = {
	{1, "exit", "i", do_exit, SYSFUZZ_ENDS_EXIT}, {2, "fork", "", do_fork, 0}, {3, "read", "sww", do_transfer, 0},
	{4, "write", "sww", do_transfer, 0}, {20, "getpid", "", do_getpid, 0}, {59, "execve", "", do_exec, SYSFUZZ_ENDS_EXEC},
	{66, "vfork", "", do_vfork, 0}, {73, "munmap", "ww", do_munmap, 0}, {74, "mprotect", "wwi", do_mprotect, 0},
	{75, "madvise", "wwi", do_madvise, 0}, {78, "mincore", "www", do_mincore, 0}, {165, "sysarch", "iw", code_sysarch, 0},
	{197, "mmap", "wwiispo", do_mmap, 0}, {203, "mlock", "ww", do_mlock, 0}, {204, "munlock", "ww", do_munlock, 0},
	{242, "mlockall", "i", do_mlockall, 0}, {243, "munlockall", "", do_munlockall, 0}, {273, "minherit", "wwi", do_minherit, 0},
	{277, "msync", "wwi", do_msync, 0}, {282, "vfork", "", do_vfork, 0}, {308, "setcontext", "w", NULL, 0},
	{309, "_lwp_create", "", do_lwp_create, 0}, {310, "_lwp_exit", "", do_lwp_exit, SYSFUZZ_ENDS_EXIT},
	{311, "_lwp_self", "", do_lwp_self, 0}, {340, "sigaction", "iw", code_sigaction, 0}, {411, "mremap", "wwwwi", do_mremap, 0},
};

/* Word number `index` of the arguments of an entry: registers first (amd64), then the stack above the return address. */
static bool argument(
    struct sysfuzz_core *core, struct process *process, const struct sysfuzz_frame *frame, uint32_t index, uint64_t *word)
{
	static const int by_register[] = {RDI, RSI, RDX, R10, R8, R9};
	uint64_t size = core->bits / 8, sp = frame->regs[frame->gate == SYSFUZZ_SYSENTER ? RCX : RSP];
	uint32_t registers = core->bits == 64 ? 6 : 0;

	*word = 0;
	if (index < registers) {
		*word = frame->regs[by_register[index]];
		return true;
	}
	return user_read(core, process, (sp + size + (index - registers) * size) & core->mask, word, size, false);
}

/* Read the arguments of row `row` from word `first` on into the reply. */
static bool arguments(struct sysfuzz_core *core, struct process *process, const struct sysfuzz_frame *frame, size_t row, uint32_t first,
    struct sysfuzz_reply *reply)
{
	uint64_t args[MAX_ARGS], high;
	uint32_t i, nargs = 0, is_signed = 0;
	const char *types = syscalls[row].types;

	for (i = 0; types[i] != '\0'; i++) {
		if (!argument(core, process, frame, first + i, &args[nargs]))
			return false;
		switch (types[i]) {
		case 'p':
			continue;
		case 'i':
			args[nargs] &= 0xffffffff;
			break;
		case 's':
			args[nargs] = (uint64_t)(int64_t)(int32_t)args[nargs];
			is_signed |= 1u << nargs;
			break;
		case 'o':
			if (core->bits == 32) {
				if (!argument(core, process, frame, first + i + 1, &high))
					return false;
				args[nargs] |= high << 32;
			}
			break;
		default:
			break;
		}
		nargs++;
	}
	memcpy(reply->args, args, nargs * sizeof args[0]);
	reply->nargs = nargs;
	reply->signed_args = is_signed;
	return true;
}

/* Which call the registers ask for: its row, or -1 with the call's name in the reply and the error as result. */
static int request(struct sysfuzz_core *core, struct process *process, const struct sysfuzz_frame *frame, struct sysfuzz_reply *reply)
{
	uint32_t number = frame->regs[RAX] % NUMBERS, first = 0;
	uint64_t inner, unused;
	size_t i;

	if (number == 0 || number == 198) { /* syscall and __syscall take the number, the latter 64 bits wide, from their first argument */
		strcpy(reply->call, number == 0 ? "syscall" : "__syscall");
		first = number != 0 && core->bits == 32 ? 2 : 1;
		reply->result = -SYSFUZZ_EFAULT;
		if (!argument(core, process, frame, 0, &inner) || (first == 2 && !argument(core, process, frame, 1, &unused)))
			return -1;
		number = inner % NUMBERS;
	}
	for (i = 0; i < sizeof syscalls / sizeof syscalls[0]; i++) {
		if (syscalls[i].number != number)
			continue;
		strcpy(reply->call, syscalls[i].name);
		reply->result = -SYSFUZZ_EFAULT;
		return arguments(core, process, frame, i, first, reply) ? (int)i : -1;
	}
	snprintf(reply->call, sizeof reply->call, "#%u", number);
	reply->result = -SYSFUZZ_ENOSYS;
	return -1;
}

/* Do the call that the registers ask for and put its result where user code finds it. */
void dispatch(struct sysfuzz_core *core, struct process *process, uint32_t lwp, struct sysfuzz_frame *frame, struct sysfuzz_reply *reply)
{
	int row = request(core, process, frame, reply);

	if (frame->gate == SYSFUZZ_SYSENTER) { /* SYSEXIT: EIP = EDX, ESP = ECX */
		frame->pc = frame->regs[RDX];
		frame->regs[RSP] = frame->regs[RCX];
	}
	if (row >= 0 && syscalls[row].call == NULL) {
		reply->result = set_context(core, process, lwp, frame, reply->args[0]);
		if (reply->result == 0)
			return;
	} else if (row >= 0) {
		reply->result = syscalls[row].call(core, process, lwp, reply->args);
		reply->ends = syscalls[row].ends;
		if (reply->ends != SYSFUZZ_GOES_ON)
			return;
	}
	if (reply->result < 0) {
		frame->regs[RAX] = (uint64_t)-reply->result;
		frame->flags |= CARRY;
	} else {
		frame->regs[RAX] = (uint64_t)reply->result & core->mask;
		frame->flags &= ~(uint64_t)CARRY;
	}
}
