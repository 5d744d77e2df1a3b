/*
 * Signals: the frame that a handler gets, and the way back by setcontext.
 *
 * In words of the mode's width, a ucontext is (masked signals, CS, PC, flags, general registers) and a siginfo (signal, code, address).
 * amd64 hands the handler its arguments in registers, i386 on the stack; both find the trampoline as return address.
 */

#include <string.h>

#include "kernel.h"

#define RED_ZONE 128        /* below RSP, amd64 code may keep data (System V ABI, amd64 supplement, 3.2.2) */
#define FLAG_DIRECTION 0x400
#define FLAGS_USER 0xcd5u   /* the arithmetic flags and DF: what setcontext may change */
#define FLAGS_FIXED 0x202u  /* bit 1 and IF */

enum { CONTEXT_WORDS = 4 + 16, INFO_WORDS = 3, CALL_WORDS = 4 };

static uint32_t registers(const struct sysfuzz_core *core)
{
	return core->bits == 64 ? 16 : 8;
}

/* Append a word of the mode's width to an image. */
static uint8_t *put(const struct sysfuzz_core *core, uint8_t *to, uint64_t word)
{
	uint32_t i;

	for (i = 0; i < core->bits / 8; i++)
		*to++ = (uint8_t)(word >> 8 * i);
	return to;
}

static uint64_t get(const struct sysfuzz_core *core, const uint8_t *from)
{
	uint64_t word = 0;
	uint32_t i;

	for (i = 0; i < core->bits / 8; i++)
		word |= (uint64_t)from[i] << 8 * i;
	return word;
}

/* Write the signal frame below the stack pointer and load the handler's arguments; false if the stack cannot take it. */
static bool push(struct sysfuzz_core *core, struct process *process, struct sysfuzz_frame *frame, uint32_t signal, uint32_t code,
    uint64_t addr, uint64_t masked)
{
	uint64_t word = core->bits / 8, context = (4 + registers(core)) * word, info = INFO_WORDS * word;
	uint64_t trampoline = SYSFUZZ_TRAMPOLINE(core->vm_max), top, sp;
	uint8_t image[(CALL_WORDS + CONTEXT_WORDS + INFO_WORDS) * 8], *end = image;
	uint32_t i;

	top = (frame->regs[RSP] - (core->bits == 64 ? RED_ZONE : 0) - context - info) & core->mask & ~15ull;
	end = put(core, end, trampoline);
	if (core->bits == 32) {
		end = put(core, end, signal);
		end = put(core, end, top + context);
		end = put(core, end, top);
	}
	sp = (top - (uint64_t)(end - image)) & core->mask;
	end = put(core, end, masked);
	end = put(core, end, frame->cs);
	end = put(core, end, frame->pc);
	end = put(core, end, frame->flags);
	for (i = 0; i < registers(core); i++)
		end = put(core, end, frame->regs[i]);
	end = put(core, end, signal);
	end = put(core, end, code);
	end = put(core, end, addr);
	if (!user_write(core, process, sp, image, (uint64_t)(end - image), false))
		return false;
	if (core->bits == 64) {
		frame->regs[RDI] = signal;
		frame->regs[RSI] = top + context;
		frame->regs[RDX] = top;
	}
	frame->regs[RSP] = sp;
	return true;
}

/* Send a signal to the LWP whose context is `frame`. It ends the run if there is no handler, if it is masked, or if the stack cannot take it. */
void deliver(struct sysfuzz_core *core, struct process *process, uint32_t lwp, struct sysfuzz_frame *frame, uint32_t signal, uint32_t code,
    uint64_t addr, struct sysfuzz_reply *reply)
{
	struct lwp *receiver = lwp_find(process, lwp);
	uint64_t handler = process->handlers[signal], bit = 1ull << signal;

	reply->signal = signal;
	reply->code = code;
	reply->addr = addr;
	reply->saved_pc = frame->pc;
	memcpy(reply->saved_regs, frame->regs, sizeof reply->saved_regs);
	if (handler == 0 || (receiver->masked & bit) || !push(core, process, frame, signal, code, addr, receiver->masked))
		return;
	reply->handled = 1;
	receiver->masked |= bit;
	frame->pc = handler;
	frame->cs = core->bits == 64 ? SYSFUZZ_USER_CODE64 : SYSFUZZ_USER_CODE32;
	frame->flags &= ~(uint64_t)FLAG_DIRECTION; /* handlers start with it clear (System V ABI) */
}

static bool is_user_code(const struct sysfuzz_core *core, const struct process *process, uint64_t cs)
{
	if (cs == SYSFUZZ_USER_CODE32 || (cs == SYSFUZZ_USER_CODE64 && core->bits == 64))
		return true;
	return (cs & 7) == 7 && cs >> 3 < SLOTS && process->has_segment[cs >> 3];
}

/* Make `frame` what the ucontext at `addr` says: EFAULT if it cannot be read, EINVAL if it names no user code segment. */
value_t set_context(struct sysfuzz_core *core, struct process *process, uint32_t lwp, struct sysfuzz_frame *frame, uint64_t addr)
{
	uint64_t word = core->bits / 8, words[CONTEXT_WORDS];
	uint8_t data[CONTEXT_WORDS * 8];
	uint32_t i, count = 4 + registers(core);

	if (!user_read(core, process, addr, data, count * word, false))
		return -SYSFUZZ_EFAULT;
	for (i = 0; i < count; i++)
		words[i] = get(core, data + i * word);
	if (!is_user_code(core, process, words[1]))
		return -SYSFUZZ_EINVAL;
	lwp_find(process, lwp)->masked = words[0] & ~1ull;
	frame->cs = (uint32_t)words[1];
	frame->pc = words[2];
	frame->flags = (words[3] & FLAGS_USER) | FLAGS_FIXED;
	memcpy(frame->regs, words + 4, registers(core) * sizeof words[0]);
	return 0;
}
