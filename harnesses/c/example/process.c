/* Processes and their LWPs: birth, fork, vfork, exec, exit, and who is marked: whose entries are checked at all. */

#include <stdlib.h>
#include <string.h>

#include "kernel.h"

struct process *process_find(struct sysfuzz_core *core, uint32_t pid)
{
	uint32_t i;

	for (i = 0; i < core->nprocesses; i++)
		if (core->processes[i]->pid == pid)
			return core->processes[i];
	return NULL;
}

/* LWP 0 is the lowest. */
struct lwp *lwp_find(struct process *process, uint32_t lwp)
{
	struct lwp *found = NULL;
	uint32_t i;

	for (i = 0; i < process->nlwps; i++) {
		if (lwp != 0 && process->lwps[i].number == lwp)
			return &process->lwps[i];
		if (lwp == 0 && (found == NULL || process->lwps[i].number < found->number))
			found = &process->lwps[i];
	}
	return found;
}

/* An attribute enters a map: from now on whoever runs in it is checked. */
void processes_mark(struct sysfuzz_core *core, const struct map *map)
{
	uint32_t i;

	for (i = 0; i < core->nprocesses; i++)
		if (core->processes[i]->map == map)
			core->processes[i]->marked = true;
}

/* The child's copy of an entry. Pages to share come from one amap, so the parent gets it now if it has none yet. */
static struct entry *inherited(struct sysfuzz_core *core, struct entry *entry)
{
	struct entry *child;

	if (entry->inherit == INHERIT_SHARE && entry->amap == NULL && (entry->object == NULL || entry->cow)) {
		entry->amap = amap_create();
		entry->aoff = 0;
	}
	child = entry_clone(entry, entry->start, entry->end);
	child->wired = 0;
	if (child->amap != NULL && entry->inherit != INHERIT_SHARE) {
		amap_release(child->amap);
		child->amap = NULL;
		if (entry->inherit != INHERIT_ZERO)
			child->amap = amap_copy(entry->amap, entry->aoff, entry_pages(entry), core->host);
		child->aoff = 0;
	}
	if (entry->inherit == INHERIT_ZERO) {
		child->object = NULL;
		child->offset = 0;
		child->cow = false;
	} else if (child->object != NULL && !child->cow && entry->inherit != INHERIT_SHARE) {
		child->cow = true; /* a shared file mapping that is inherited as a copy */
	}
	return child;
}

/* A child with a copy of the map as its inheritance says or, for vfork, in the parent's own; its pid. */
value_t process_fork(struct sysfuzz_core *core, struct process *parent, bool share)
{
	struct process *child;
	struct entry *entry;
	struct map *map = parent->map;

	if (core->nprocesses == SYSFUZZ_MAX_PROCESSES)
		return -SYSFUZZ_EAGAIN;
	if (share) {
		map->users++;
	} else {
		map = map_create(core);
		MAP_SPAN (entry, parent->map, 0, core->vm_max)
			if (entry->inherit != INHERIT_NONE)
				map_insert(map, inherited(core, entry));
	}
	child = allocate(sizeof *child);
	*child = *parent;
	child->pid = core->next_pid++;
	child->map = map;
	child->lwps[0].number = 1;
	child->lwps[0].masked = 0;
	child->nlwps = 1;
	child->next_lwp = 2;
	core->processes[core->nprocesses++] = child;
	changed(core, share ? "vfork" : "fork");
	return child->pid;
}

/* A new program in the calling LWP alone. */
void process_exec(struct sysfuzz_core *core, struct process *process, uint32_t lwp)
{
	map_release(process->map);
	process->map = fresh_map(core);
	process->marked = false;
	memset(process->handlers, 0, sizeof process->handlers);
	memset(process->has_segment, 0, sizeof process->has_segment);
	process->lwps[0].number = lwp;
	process->lwps[0].masked = 0;
	process->nlwps = 1;
	changed(core, "exec");
}

void process_exit(struct sysfuzz_core *core, struct process *process)
{
	uint32_t i = 0;

	map_release(process->map);
	while (core->processes[i] != process)
		i++;
	core->nprocesses--;
	memmove(&core->processes[i], &core->processes[i + 1], (core->nprocesses - i) * sizeof core->processes[0]);
	free(process);
	changed(core, "exit");
}

value_t lwp_create(struct process *process)
{
	struct lwp *lwp = &process->lwps[process->nlwps];

	if (process->nlwps == SYSFUZZ_MAX_LWPS)
		return -SYSFUZZ_EAGAIN;
	process->nlwps++;
	lwp->number = process->next_lwp++;
	lwp->masked = 0;
	return lwp->number;
}

/* The last one takes the process with it. */
void lwp_exit(struct sysfuzz_core *core, struct process *process, uint32_t lwp)
{
	*lwp_find(process, lwp) = process->lwps[process->nlwps - 1];
	process->nlwps--;
	if (process->nlwps == 0)
		process_exit(core, process);
}
