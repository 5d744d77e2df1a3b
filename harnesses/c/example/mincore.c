/* mincore: which pages of a range are in memory, told as one byte a page. The only memory-map call that writes to user memory. */

#include "kernel.h"

static bool resident(const struct entry *entry, uint64_t slot)
{
	if (entry->amap != NULL && amap_lookup(entry->amap, entry->aoff + (int64_t)slot) != 0)
		return true;
	return entry->object != NULL && entry->offset + slot < entry->object->pages && entry->object->loaded[entry->offset + slot] != 0;
}

/* The vector is looked at before the range; addresses outside the bounds are merely unmapped. */
value_t sys_mincore(struct sysfuzz_core *core, struct process *process, uint64_t addr, uint64_t length, uint64_t vec)
{
	uint64_t size = round_page(core, length), end = addr + size, page, count = 0;
	uint8_t vector[SYSFUZZ_MAX_PAGES];
	struct entry *entry;

	if ((addr & PAGE_MASK) || (end & core->mask) <= addr)
		return -SYSFUZZ_EINVAL;
	if (!user_can_write(core, process, vec, size / PAGE))
		return -SYSFUZZ_EFAULT;
	if (!map_covers(process->map, addr, end))
		return -SYSFUZZ_ENOMEM;
	MAP_SPAN (entry, process->map, addr, end)
		for (page = entry->start > addr ? entry->start : addr; page < entry->end && page < end; page += PAGE)
			vector[count++] = resident(entry, (page - entry->start) / PAGE);
	user_write(core, process, vec, vector, count, false);
	return 0;
}
