/* The core as sysfuzz sees it: boot, the questions of the machine, and the reports. Semantics are in the other files. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SYSFUZZ_IMPLEMENTATION
#include "kernel.h"

/* amd64: mov rdi, rsp; mov eax, 308; syscall.  i386: mov eax, [esp+8]; push eax; push 0; mov eax, 308; int 0x80. */
static const uint8_t trampoline64[] = {0x48, 0x89, 0xe7, 0xb8, 0x34, 0x01, 0x00, 0x00, 0x0f, 0x05};
static const uint8_t trampoline32[] = {0x8b, 0x44, 0x24, 0x08, 0x50, 0x6a, 0x00, 0xb8, 0x34, 0x01, 0x00, 0x00, 0xcd, 0x80};

/* Note what a map did. */
void changed(struct sysfuzz_core *core, const char *transition)
{
	size_t length = strlen(transition);

	if (core->log_length + length + 2 > core->log_room) {
		core->log_room = 2 * core->log_room + length + 64;
		core->log = realloc(core->log, core->log_room);
		if (core->log == NULL)
			abort();
	}
	if (core->log_length > 0)
		core->log[core->log_length++] = ' ';
	memcpy(core->log + core->log_length, transition, length + 1);
	core->log_length += length;
}

/* What every program starts with: the trampoline and the stack. */
struct map *fresh_map(struct sysfuzz_core *core)
{
	uint64_t code = SYSFUZZ_TRAMPOLINE(core->vm_max);
	struct entry *entry = entry_create(code, code + PAGE, PROT_READ | PROT_EXEC, PROT_ALL, INHERIT_COPY);
	struct map *map = map_create(core);

	entry->object = &core->trampoline;
	entry->cow = true;
	map_insert(map, entry);
	map_insert(
	    map, entry_create(SYSFUZZ_STACK(core->vm_max), SYSFUZZ_STACK_TOP(core->vm_max), PROT_READ | PROT_WRITE, PROT_ALL, INHERIT_COPY));
	return map;
}

struct sysfuzz_core *sysfuzz_boot(const struct sysfuzz_host *host, uint32_t mode)
{
	struct sysfuzz_core *core = allocate(sizeof *core);
	struct process *first = allocate(sizeof *first);
	int i;

	core->host = host;
	core->bits = mode;
	core->mask = mode == SYSFUZZ_AMD64 ? ~0ull : 0xffffffffull;
	core->vm_min = SYSFUZZ_VM_MIN;
	core->vm_max = mode == SYSFUZZ_AMD64 ? SYSFUZZ_AMD64_VM_MAX : SYSFUZZ_I386_VM_MAX;
	core->mmap_base = mode == SYSFUZZ_AMD64 ? SYSFUZZ_AMD64_MMAP_BASE : SYSFUZZ_I386_MMAP_BASE;
	core->trampoline.pages = SYSFUZZ_MAX_PAGES;
	core->trampoline.data = mode == SYSFUZZ_AMD64 ? trampoline64 : trampoline32;
	core->trampoline.size = mode == SYSFUZZ_AMD64 ? sizeof trampoline64 : sizeof trampoline32;
	for (i = 0; i < FILES; i++)
		core->files[i].pages = SYSFUZZ_FILE_PAGES;
	first->pid = 1;
	first->map = fresh_map(core);
	first->lwps[0].number = 1;
	first->nlwps = 1;
	first->next_lwp = 2;
	core->processes[core->nprocesses++] = first;
	core->next_pid = 2;
	return core;
}

void sysfuzz_destroy(struct sysfuzz_core *core)
{
	while (core->nprocesses > 0)
		process_exit(core, core->processes[core->nprocesses - 1]);
	free(core->log);
	free(core);
}

/* -- calls ---------------------------------------------------------------------------------------------------------------------------------- */

int64_t sysfuzz_call(struct sysfuzz_core *core, uint32_t pid, uint32_t lwp, const char *name, const uint64_t *args, uint32_t nargs)
{
	struct process *process = process_find(core, pid);

	if (process == NULL || lwp == 0 || lwp_find(process, lwp) == NULL)
		return -SYSFUZZ_ESRCH;
	return call_by_name(core, process, lwp, name, args, nargs);
}

int64_t sysfuzz_poke(struct sysfuzz_core *core, uint32_t pid, uint64_t addr, const uint8_t *data, uint64_t size)
{
	struct process *process = process_find(core, pid);

	if (process == NULL)
		return -SYSFUZZ_ESRCH;
	return user_write(core, process, addr, data, size, true) ? 0 : -SYSFUZZ_EFAULT;
}

int64_t sysfuzz_peek(struct sysfuzz_core *core, uint32_t pid, uint64_t addr, uint8_t *data, uint64_t size)
{
	struct process *process = process_find(core, pid);

	if (process == NULL)
		return -SYSFUZZ_ESRCH;
	return user_read(core, process, addr, data, size, true) ? 0 : -SYSFUZZ_EFAULT;
}

/* -- what the machine asks -------------------------------------------------------------------------------------------------------------------- */

uint64_t sysfuzz_fill(struct sysfuzz_core *core, uint32_t pid, uint64_t vaddr, uint32_t access)
{
	return user_fault(core, process_find(core, pid), vaddr, access);
}

uint32_t sysfuzz_alive(struct sysfuzz_core *core, uint32_t pid, uint32_t lwp)
{
	struct process *process = process_find(core, pid);
	struct lwp *found = process != NULL ? lwp_find(process, lwp) : NULL;

	return found != NULL ? found->number : 0;
}

/* The origin of a sysenter is recorded by nobody, so a marked process does not get it. */
uint32_t sysfuzz_sysenter_enabled(struct sysfuzz_core *core, uint32_t pid)
{
	return !process_find(core, pid)->marked;
}

uint32_t sysfuzz_segments(struct sysfuzz_core *core, uint32_t pid, struct sysfuzz_segment *segments, uint32_t room)
{
	const struct process *process = process_find(core, pid);
	uint32_t slot, count = 0;

	for (slot = 0; process != NULL && slot < SLOTS && count < room; slot++) {
		if (process->has_segment[slot]) {
			segments[count].slot = slot;
			segments[count++].base = process->segments[slot];
		}
	}
	return count;
}

/* -- reports -------------------------------------------------------------------------------------------------------------------------------- */

uint32_t sysfuzz_views(
    struct sysfuzz_core *core, struct sysfuzz_view *views, uint32_t view_room, struct sysfuzz_region *regions, uint32_t region_room)
{
	const struct process *process;
	const struct entry *entry;
	uint32_t i, used = 0;

	if (core->nprocesses > view_room)
		return SYSFUZZ_NO_ROOM;
	for (i = 0; i < core->nprocesses; i++) {
		process = core->processes[i];
		views[i].pid = process->pid;
		views[i].marked = process->marked;
		views[i].nregions = 0;
		views[i].reserved = 0;
		for (entry = process->map->head.next; entry != &process->map->head; entry = entry->next) {
			if (used == region_room)
				return SYSFUZZ_NO_ROOM;
			regions[used].start = entry->start;
			regions[used].end = entry->end;
			regions[used].prot = entry->prot;
			regions[used].maxprot = entry->maxprot;
			regions[used].inherit = entry->inherit;
			regions[used].advice = entry->advice;
			regions[used].wired = entry->wired;
			regions[used++].attributes = entry->attributes;
			views[i].nregions++;
		}
	}
	return core->nprocesses;
}

const char *sysfuzz_transitions(struct sysfuzz_core *core)
{
	if (core->log_length == 0)
		return "";
	core->log_length = 0; /* the text stays until the next change */
	return core->log;
}

const char *sysfuzz_check(struct sysfuzz_core *core)
{
	const struct process *process;
	const struct entry *entry;
	const char *wrong;
	uint32_t i;

	for (i = 0; i < core->nprocesses; i++) {
		process = core->processes[i];
		wrong = map_check(process->map);
		for (entry = process->map->head.next; *wrong == '\0' && entry != &process->map->head; entry = entry->next)
			if (entry->attributes && !process->marked)
				wrong = "not marked, though its map has an attribute";
		if (*wrong != '\0') {
			snprintf(core->wrong, sizeof core->wrong, "process %u: %s", process->pid, wrong);
			return core->wrong;
		}
	}
	return "";
}
