/*
 * The kernel entry: from what hardware saved, does this call come from a mapping that may not make one? And the exceptions.
 *
 * Only the frame is looked at: the gate, the next address, CS. The origin of a sysenter is recorded by nobody, so marked processes do not get it.
 */

#include <string.h>

#include "kernel.h"

enum { DIVIDE = 0, DEBUG = 1, BREAKPOINT = 3, OVERFLOW = 4, BOUND = 5, INVALID_OPCODE = 6, NO_FPU = 7, NO_SEGMENT = 11, STACK = 12 };
enum { GENERAL_PROTECTION = 13, PAGE_FAULT = 14, FPU = 16, ALIGNMENT = 17, SIMD = 19, VECTORS = 20 };

enum { ILL_ILLOPC = 1, ILL_ILLTRP = 4, FPE_INTDIV = 1, FPE_INTOVF = 2, FPE_FLTINV = 7, FPE_FLTSUB = 8, SEGV_MAPERR = 1, SEGV_ACCERR = 2 };
enum { BUS_ADRALN = 1, BUS_ADRERR = 2, TRAP_BRKPT = 1, TRAP_TRACE = 2 };

/* Signal and code of an exception (NetBSD sys/arch/amd64/amd64/trap.c); those of page faults and #GP are decided below. */
static const struct {
	uint32_t signal;
	uint32_t code;
} by_vector[VECTORS] = {
	[DIVIDE] = {SIG_FPE, FPE_INTDIV}, [DEBUG] = {SIG_TRAP, TRAP_TRACE}, [BREAKPOINT] = {SIG_TRAP, TRAP_BRKPT},
	[OVERFLOW] = {SIG_FPE, FPE_INTOVF}, [BOUND] = {SIG_FPE, FPE_FLTSUB}, [INVALID_OPCODE] = {SIG_ILL, ILL_ILLOPC},
	[NO_FPU] = {SIG_FPE, FPE_FLTINV}, [NO_SEGMENT] = {SIG_BUS, BUS_ADRERR}, [STACK] = {SIG_BUS, BUS_ADRERR}, [FPU] = {SIG_FPE, FPE_FLTINV},
	[ALIGNMENT] = {SIG_BUS, BUS_ADRALN}, [SIMD] = {SIG_FPE, FPE_FLTINV},
};

static bool is_wide(uint32_t cs)
{
	return cs == SYSFUZZ_USER_CODE64;
}

/* All bits of an offset, and of a linear address, in a code segment. */
static uint64_t segment_mask(uint32_t cs)
{
	return is_wide(cs) ? ~0ull : 0xffffffffull;
}

static uint64_t segment_base(const struct process *process, uint32_t cs)
{
	return !is_wide(cs) && (cs & 4) && cs >> 3 < SLOTS && process->has_segment[cs >> 3] ? process->segments[cs >> 3] : 0;
}

/* How far the saved address lies behind the first opcode byte: SYSCALL and INT n are 2 bytes long, a far call is 7. */
static uint64_t opcode_size(uint32_t gate)
{
	return gate == SYSFUZZ_LCALL7 || gate == SYSFUZZ_LCALL27 ? 7 : 2;
}

/* Whether one of `size` bytes from `first` lies in a no-syscalls mapping; each byte's address wraps on its own. */
static bool carries(struct map *map, uint64_t first, uint64_t size, uint64_t mask)
{
	const struct entry *entry;
	uint64_t i;

	for (i = 0; i < size; i++) {
		entry = map_lookup(map, (first + i) & mask);
		if (entry != NULL && (entry->attributes & SYSFUZZ_ATTRIBUTE_NOSYSCALLS))
			return true;
	}
	return false;
}

void sysfuzz_enter(struct sysfuzz_core *core, uint32_t pid, uint32_t lwp, struct sysfuzz_frame *frame, struct sysfuzz_reply *reply)
{
	struct process *process = process_find(core, pid);
	uint64_t mask = segment_mask(frame->cs), offset, linear;

	if (frame->gate == SYSFUZZ_SYSENTER && process->marked) {
		core->host->panic(core->host->context, "sysenter entered while SYSENTER_CS is 0");
		return;
	}
	if (frame->gate != SYSFUZZ_SYSENTER && process->marked) {
		offset = (frame->pc - opcode_size(frame->gate)) & mask;
		linear = (segment_base(process, frame->cs) + offset) & mask;
		reply->locked = 1;
		if (carries(process->map, linear, opcode_size(frame->gate), mask)) {
			frame->pc = offset;
			deliver(core, process, lwp, frame, SIG_ILL, ILL_ILLTRP, linear, reply);
			return;
		}
	}
	dispatch(core, process, lwp, frame, reply);
}

/* Prefix bytes before a SYSENTER at the start of `code`, or -1 if that is none. In 64-bit code 40-4f are prefixes, too. */
static int sysenter_at(const uint8_t *code, uint32_t size, bool wide)
{
	static const char prefixes[] = "\x66\x67\xf2\xf3\x2e\x36\x3e\x26\x64\x65";
	uint32_t i;

	for (i = 0; i + 1 < size; i++) {
		if (code[i] == 0x0f)
			return code[i + 1] == 0x34 ? (int)i : -1;
		if ((code[i] == 0 || strchr(prefixes, (char)code[i]) == NULL) && !(wide && (code[i] & 0xf0) == 0x40))
			return -1;
	}
	return -1;
}

void sysfuzz_fault(struct sysfuzz_core *core, uint32_t pid, uint32_t lwp, struct sysfuzz_frame *frame, uint32_t vector, uint64_t addr,
    struct sysfuzz_reply *reply)
{
	struct process *process = process_find(core, pid);
	uint64_t mask = segment_mask(frame->cs), linear = (segment_base(process, frame->cs) + frame->pc) & mask;
	uint32_t signal = SIG_SEGV, code = SEGV_ACCERR;
	const struct entry *entry;
	uint8_t bytes[15]; /* the longest instruction */
	int prefixes = -1;

	if (vector == PAGE_FAULT) {
		linear = addr;
		entry = map_lookup(process->map, addr);
		if (entry == NULL) {
			code = SEGV_MAPERR;
		} else if (entry_past_end(entry, addr)) {
			signal = SIG_BUS;
			code = BUS_ADRERR;
		}
	} else if (vector == GENERAL_PROTECTION && process->marked) {
		prefixes = sysenter_at(bytes, user_fetch(core, process, linear, bytes, sizeof bytes), is_wide(frame->cs));
		if (prefixes >= 0) { /* a disabled sysenter */
			frame->pc = (frame->pc + (uint64_t)prefixes) & mask;
			linear = (linear + (uint64_t)prefixes) & mask;
			signal = SIG_ILL;
			code = ILL_ILLTRP;
		}
	} else if (vector < VECTORS && by_vector[vector].signal != 0) {
		signal = by_vector[vector].signal;
		code = by_vector[vector].code;
	}
	deliver(core, process, lwp, frame, signal, code, linear, reply);
}
