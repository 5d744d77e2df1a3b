/* User memory as the kernel reaches it: the page-fault path, copyin and copyout, and a loader's poke and peek. */

#include <string.h>

#include "kernel.h"

/* Physical address of the page at `vaddr` and its protection, or 0. */
static uint64_t bring_in(struct sysfuzz_core *core, struct entry *entry, uint64_t vaddr, bool write)
{
	uint64_t slot = (vaddr - entry->start) / PAGE, paddr;

	if (entry->amap != NULL) {
		paddr = amap_lookup(entry->amap, entry->aoff + (int64_t)slot);
		if (paddr != 0)
			return paddr | entry->prot;
	}
	if (entry->object == NULL) {
		paddr = core->host->allocate(core->host->context);
	} else {
		paddr = object_page(entry->object, entry->offset + slot, core->host);
		if (paddr == 0)
			return 0;
		if (!entry->cow)
			return paddr | entry->prot;
		if (!write)
			return paddr | (entry->prot & ~(uint32_t)PROT_WRITE);
		paddr = copy_page(paddr, core->host);
	}
	if (paddr == 0)
		return 0;
	if (entry->amap == NULL) {
		entry->amap = amap_create();
		entry->aoff = 0;
	}
	amap_add(entry->amap, entry->aoff + (int64_t)slot, paddr);
	return paddr | entry->prot;
}

/* What the MMU asks: the page at `vaddr` or'ed with its protection; 0 if the access is not allowed, or the file ends before. */
uint64_t user_fault(struct sysfuzz_core *core, struct process *process, uint64_t vaddr, uint32_t access)
{
	struct entry *entry = map_lookup(process->map, vaddr);

	if (entry == NULL || !(entry->prot & access))
		return 0;
	return bring_in(core, entry, vaddr, access == PROT_WRITE);
}

/* Physical address of the byte at `addr`, or 0. */
static uint64_t locate(struct sysfuzz_core *core, struct process *process, uint64_t addr, uint32_t access, bool forced)
{
	struct entry *entry;
	uint64_t page = 0;

	if (!forced)
		page = user_fault(core, process, addr & ~PAGE_MASK, access);
	else if ((entry = map_lookup(process->map, addr)) != NULL)
		page = bring_in(core, entry, addr & ~PAGE_MASK, access == PROT_WRITE);
	return page == 0 ? 0 : (page & ~PAGE_MASK) + (addr & PAGE_MASK);
}

/* How much of `size` bytes lies in the page of `addr`. */
static uint64_t piece(uint64_t addr, uint64_t size)
{
	uint64_t room = PAGE - (addr & PAGE_MASK);

	return size < room ? size : room;
}

bool user_read(struct sysfuzz_core *core, struct process *process, uint64_t addr, void *data, uint64_t size, bool forced)
{
	uint8_t *to = data;
	uint64_t paddr, length;

	while (size > 0) {
		paddr = locate(core, process, addr, PROT_READ, forced);
		if (paddr == 0)
			return false;
		length = piece(addr, size);
		memcpy(to, core->host->memory + paddr, length);
		to += length;
		size -= length;
		addr = (addr + length) & core->mask;
	}
	return true;
}

/* Whether every byte lies in a page that allows what is needed and has memory; brings no page in. */
static bool reaches(struct sysfuzz_core *core, struct process *process, uint64_t addr, uint64_t size, uint32_t needed)
{
	struct entry *entry;
	uint64_t length;

	for (; size > 0; size -= length, addr = (addr + length) & core->mask) {
		entry = map_lookup(process->map, addr);
		if (entry == NULL || (entry->prot & needed) != needed || entry_past_end(entry, addr))
			return false;
		length = piece(addr, size);
	}
	return true;
}

/* All or nothing: no page is brought in, and none of a file copied, before all are known to be there. */
bool user_write(struct sysfuzz_core *core, struct process *process, uint64_t addr, const void *data, uint64_t size, bool forced)
{
	const uint8_t *from = data;
	uint64_t length;

	if (!reaches(core, process, addr, size, forced ? 0 : PROT_WRITE))
		return false;
	for (; size > 0; size -= length, addr = (addr + length) & core->mask) {
		length = piece(addr, size);
		core->host->write(core->host->context, locate(core, process, addr, PROT_WRITE, forced), from, length);
		from += length;
	}
	return true;
}

/* Whether a copyout would succeed; brings no page in. */
bool user_can_write(struct sysfuzz_core *core, struct process *process, uint64_t addr, uint64_t size)
{
	return reaches(core, process, addr, size, PROT_WRITE);
}

/* Up to `size` bytes of code, cut before the first page that cannot be executed; how many. */
uint32_t user_fetch(struct sysfuzz_core *core, struct process *process, uint64_t addr, uint8_t *code, uint32_t size)
{
	uint32_t count = 0, length;
	uint64_t paddr;

	while (count < size) {
		paddr = locate(core, process, addr, PROT_EXEC, false);
		if (paddr == 0)
			break;
		length = (uint32_t)piece(addr, size - count);
		memcpy(code + count, core->host->memory + paddr, length);
		count += length;
		addr = (addr + length) & core->mask;
	}
	return count;
}
