/* mremap: resize in place or move. In place comes first (nothing, shrink, grow), then the move; all checks stand before the first change. */

#include <stdlib.h>

#include "kernel.h"

/* Add pages behind the mapping that ends at `end`: to its entry where the amap allows it, else as an entry of their own. */
static void grow(struct map *map, uint64_t end, uint64_t new_end)
{
	struct entry *last = map_lookup(map, end - 1);
	struct entry *tail = entry_create(end, new_end, last->prot, last->maxprot, last->inherit);

	tail->advice = last->advice;
	tail->attributes = last->attributes;
	tail->object = last->object;
	tail->cow = last->cow;
	tail->offset = last->offset + entry_pages(last);
	map_enter(map, tail);
	changed(map->core, "grow");
}

/* Extract the old range to the free place `new`, then unmap it; pages beyond the old size are grown. */
static void move(struct map *map, uint64_t old, uint64_t oldsize, uint64_t new, uint64_t newsize)
{
	uint64_t kept = oldsize < newsize ? oldsize : newsize, start, end;
	struct entry *entry, *part, *moved = NULL, **last = &moved;

	MAP_SPAN (entry, map, old, old + kept) {
		start = entry->start > old ? entry->start : old;
		end = entry->end < old + kept ? entry->end : old + kept;
		part = entry_clone(entry, start, end);
		part->start = start - old + new;
		part->end = end - old + new;
		part->wired = 0;
		*last = part;
		last = &part->next;
	}
	map_remove(map, old, old + oldsize);
	for (part = moved; part != NULL; part = entry) {
		entry = part->next;
		map_insert(map, part);
	}
	changed(map->core, "move");
	if (newsize > oldsize)
		grow(map, new + oldsize, new + newsize);
}

value_t sys_mremap(struct sysfuzz_core *core, struct process *process, uint64_t old, uint64_t oldlen, uint64_t new, uint64_t newlen,
    uint32_t flags)
{
	uint64_t oldsize = round_page(core, oldlen), newsize = round_page(core, newlen), place;
	struct map *map = process->map;
	bool fixed = flags & MAP_FIXED, stays;
	value_t alignment;

	if (flags & ~(MAP_FIXED | MAP_ALIGNMENT_MASK))
		return -SYSFUZZ_EINVAL;
	if ((old & PAGE_MASK) || (fixed && (new & PAGE_MASK)) || oldsize == 0 || newsize == 0 || !in_bounds(core, old, oldsize))
		return -SYSFUZZ_EINVAL;
	alignment = alignment_of(core, flags, fixed ? &new : NULL);
	if (alignment < 0)
		return alignment;
	stays = (!fixed || new == old) && old % (uint64_t)alignment == 0;
	if (stays && newsize <= oldsize) {
		if (newsize < oldsize) {
			map_remove(map, old + newsize, old + oldsize);
			changed(core, "shrink");
		}
		return (value_t)old;
	}
	if (!map_covers(map, old, old + oldsize))
		return -SYSFUZZ_EINVAL;
	if (map->pages - oldsize / PAGE + newsize / PAGE > SYSFUZZ_MAX_PAGES)
		return -SYSFUZZ_ENOMEM;
	if (stays && old + newsize <= core->vm_max && map_is_free(map, old + oldsize, old + newsize)) {
		grow(map, old + oldsize, old + newsize);
		return (value_t)old;
	}
	if (fixed) {
		if (!in_bounds(core, new, newsize) || !map_is_free(map, new, new + newsize))
			return -SYSFUZZ_ENOMEM;
		place = new;
	} else {
		place = map_find_space(map, 0, newsize, (uint64_t)alignment);
		if (place == 0)
			return -SYSFUZZ_ENOMEM;
	}
	move(map, old, oldsize, place, newsize);
	return (value_t)place;
}
