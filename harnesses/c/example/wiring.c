/* Wired memory: mlock and its relatives, and the two limits: wiredmax over all maps, RLIMIT_MEMLOCK in one. Counts nest; one munlock undoes all. */

#include "kernel.h"

enum { MCL_CURRENT = 1, MCL_FUTURE = 2 };

/* Wired pages of [start, end). */
uint64_t wiring_in(struct map *map, uint64_t start, uint64_t end)
{
	struct entry *entry;
	uint64_t bytes = 0;

	MAP_SPAN (entry, map, start, end)
		if (entry->wired)
			bytes += (entry->end < end ? entry->end : end) - (entry->start > start ? entry->start : start);
	return bytes / PAGE;
}

/* Wired pages of all maps; one that several processes share counts once. */
static uint64_t wired_everywhere(struct sysfuzz_core *core)
{
	uint64_t pages = 0;
	uint32_t i, j;

	for (i = 0; i < core->nprocesses; i++) {
		for (j = 0; j < i && core->processes[j]->map != core->processes[i]->map; j++)
			;
		if (j == i)
			pages += wiring_in(core->processes[i]->map, 0, core->vm_max);
	}
	return pages;
}

/* Whether `more` wired pages in a map would be too many. */
bool wiring_over_limit(struct sysfuzz_core *core, struct map *map, uint64_t more)
{
	return wiring_in(map, 0, core->vm_max) + more > SYSFUZZ_MAX_LOCKED_PAGES || wired_everywhere(core) + more > SYSFUZZ_MAX_WIRED_PAGES;
}

value_t sys_mlock(struct sysfuzz_core *core, struct process *process, uint64_t addr, uint64_t length)
{
	struct range range = page_range(core, addr, length);
	struct map *map = process->map;
	struct entry *entry;

	if (!range.in_bounds)
		return -SYSFUZZ_EINVAL;
	if (wiring_over_limit(core, map, range.size / PAGE))
		return -SYSFUZZ_EAGAIN;
	if (map_lookup(map, range.start) == NULL)
		return -SYSFUZZ_ENOMEM;
	if (!map_covers(map, range.start, range.end))
		return -SYSFUZZ_EINVAL;
	MAP_SPAN (entry, map, range.start, range.end)
		if (!entry->prot)
			return -SYSFUZZ_EINVAL;
	map_clip(map, range.start, range.end);
	MAP_SPAN (entry, map, range.start, range.end)
		entry->wired++;
	changed(core, "wire");
	return 0;
}

value_t sys_munlock(struct sysfuzz_core *core, struct process *process, uint64_t addr, uint64_t length)
{
	struct range range = page_range(core, addr, length);
	struct map *map = process->map;
	struct entry *entry;

	if (!range.in_bounds)
		return -SYSFUZZ_EINVAL;
	if (map_lookup(map, range.start) == NULL)
		return -SYSFUZZ_ENOMEM;
	if (!map_covers(map, range.start, range.end))
		return -SYSFUZZ_EINVAL;
	MAP_SPAN (entry, map, range.start, range.end)
		if (!entry->wired)
			return -SYSFUZZ_EINVAL;
	map_clip(map, range.start, range.end);
	MAP_SPAN (entry, map, range.start, range.end)
		entry->wired = 0;
	changed(core, "unwire");
	return 0;
}

/* CURRENT wires what can be touched, FUTURE what will be mapped. */
value_t sys_mlockall(struct sysfuzz_core *core, struct process *process, uint32_t flags)
{
	struct map *map = process->map;
	struct entry *entry;
	uint64_t unwired = 0;

	if (flags == 0 || (flags & ~(uint32_t)(MCL_CURRENT | MCL_FUTURE)))
		return -SYSFUZZ_EINVAL;
	if (flags & MCL_CURRENT) {
		MAP_SPAN (entry, map, 0, core->vm_max)
			if (entry->prot && !entry->wired)
				unwired += entry_pages(entry);
		if (wiring_over_limit(core, map, unwired))
			return -SYSFUZZ_ENOMEM;
		MAP_SPAN (entry, map, 0, core->vm_max)
			if (entry->prot)
				entry->wired++;
		changed(core, "wire-all");
	}
	if (flags & MCL_FUTURE) {
		map->wire_future = true;
		changed(core, "wire-future");
	}
	return 0;
}

value_t sys_munlockall(struct sysfuzz_core *core, struct process *process)
{
	struct entry *entry;

	MAP_SPAN (entry, process->map, 0, core->vm_max)
		entry->wired = 0;
	process->map->wire_future = false;
	changed(core, "unwire-all");
	return 0;
}
