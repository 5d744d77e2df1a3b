/*
 * The example core with a bad habit, which the environment variable HABIT names; without it, the example.
 *
 * This file takes the place of the example's core.c, which it includes.
 */

#define _DEFAULT_SOURCE
#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define sysfuzz_call sound_call
#define sysfuzz_destroy sound_destroy
#define sysfuzz_boot sound_boot
#include "core.c"
#undef sysfuzz_call
#undef sysfuzz_destroy
#undef sysfuzz_boot

static int has(const char *habit)
{
	const char *chosen = getenv("HABIT");

	return chosen != NULL && strcmp(chosen, habit) == 0;
}

/* What is wrong shows at each msync. */
static int64_t at_msync(struct sysfuzz_core *core)
{
	static int *volatile nowhere;
	volatile int pages = 1;

	if (has("crash"))
		*nowhere = 1;
	if (has("abort")) {
		fprintf(stderr, "double free of page %d\n", pages);
		abort();
	}
	if (has("assert"))
		assert(pages == 2);
	if (has("exit"))
		exit(3);
	if (has("undefined")) { /* as gcc's -fsanitize=undefined does, which is not everywhere */
		fprintf(stderr, "core.c:52:16: runtime error: shift exponent 32 is too large for 32-bit type 'int'\n");
		_exit(1);
	}
	while (has("hang") && pages)
		;
	if (has("sleep"))
		pause();
	if (has("stop"))
		raise(SIGSTOP);
	if (has("ignore and hang"))
		signal(SIGALRM, SIG_IGN);
	if (has("ignore and hang"))
		for (;;)
			pause();
	if (has("panic"))
		core->host->panic(core->host->context, "msync: lost page 7");
	if (has("fork"))
		fork();
	if (has("fork and crash") && fork() != 0)
		*nowhere = 1;
	if (has("write")) {
		printf("all is well\n");
		fflush(stdout);
		fprintf(stderr, "all is well\n");
	}
	if (has("wild write"))
		core->host->write(core->host->context, core->host->memory_size, "!", 1);
	if (has("straddle"))
		core->host->write(core->host->context, 2 * SYSFUZZ_PAGE - 1, "!!", 2);
	if (has("junk"))
		return -1000;
	return 0;
}

SYSFUZZ_API int64_t sysfuzz_call(struct sysfuzz_core *core, uint32_t pid, uint32_t lwp, const char *name, const uint64_t *args, uint32_t nargs)
{
	int64_t wrong = strcmp(name, "msync") == 0 ? at_msync(core) : 0;

	return wrong ? wrong : sound_call(core, pid, lwp, name, args, nargs);
}

SYSFUZZ_API struct sysfuzz_core *sysfuzz_boot(const struct sysfuzz_host *host, uint32_t mode)
{
	return has("no boot") ? NULL : sound_boot(host, mode);
}

SYSFUZZ_API void sysfuzz_destroy(struct sysfuzz_core *core)
{
	sound_destroy(core);
	if (has("late"))
		abort();
}
