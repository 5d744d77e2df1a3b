/*
 * The calls that map, unmap and annotate memory, with NetBSD's checks in NetBSD's order (docs/semantics.md).
 *
 * Each validates everything first and commits then, so that a failing call changes nothing.
 */

#include "kernel.h"

#define MAX_OFFSET 0x7fffffffffffffffull
#define KNOWN_FLAGS \
	(MAP_SHARED | MAP_PRIVATE | MAP_COPY | MAP_FIXED | MAP_RENAME | MAP_NORESERVE | MAP_INHERIT | MAP_HASSEMAPHORE | MAP_TRYFIXED \
	    | MAP_WIRED | MAP_ANON | MAP_STACK | MAP_NOSYSCALLS | MAP_ALIGNMENT_MASK)

enum { MADV_SEQUENTIAL = 2, MADV_WILLNEED = 3, MADV_DONTNEED = 4, MADV_FREE = 6 };
enum { MS_ASYNC = 1, MS_INVALIDATE = 2, MS_SYNC = 4 };

/* In the unsigned arithmetic of an address's width: near the top it wraps to 0. */
uint64_t round_page(const struct sysfuzz_core *core, uint64_t size)
{
	return (size + PAGE_MASK) & ~PAGE_MASK & core->mask;
}

bool in_bounds(const struct sysfuzz_core *core, uint64_t start, uint64_t size)
{
	uint64_t end = (start + size) & core->mask;

	return core->vm_min <= start && start <= end && end <= core->vm_max;
}

/* The pages that [addr, addr + length) touches. */
struct range page_range(const struct sysfuzz_core *core, uint64_t addr, uint64_t length)
{
	uint64_t pageoff = addr & PAGE_MASK;
	struct range range;

	range.start = addr - pageoff;
	range.size = round_page(core, length + pageoff);
	range.end = range.start + range.size;
	range.in_bounds = in_bounds(core, range.start, range.size);
	return range;
}

/* -- mmap ----------------------------------------------------------------------------------------------------------------------------------- */

/* What a descriptor is open to. */
static const struct {
	bool is_file;
	bool writable;
	bool executable;
} descriptors[FILES] = {
	[3] = {true, true, true},
	[4] = {true, false, true},  /* read-only */
	[5] = {true, true, false}, /* on a no-exec mount */
};

/* What stands behind a new mapping: its object and maxprot. */
static value_t backing(struct sysfuzz_core *core, int32_t fd, uint32_t prot, uint32_t flags, uint64_t pos, uint64_t size,
    struct object **object, uint32_t *maxprot)
{
	*object = NULL;
	*maxprot = PROT_ALL;
	if (flags & MAP_ANON)
		return fd == -1 ? 0 : -SYSFUZZ_EINVAL;
	if (fd < 0 || fd >= FILES)
		return -SYSFUZZ_EBADF;
	if (!descriptors[fd].is_file)
		return -SYSFUZZ_ENODEV;
	if (pos > MAX_OFFSET)
		return -SYSFUZZ_EINVAL;
	if (size > MAX_OFFSET - pos)
		return -SYSFUZZ_EOVERFLOW;
	if (!descriptors[fd].executable) {
		if (prot & PROT_EXEC)
			return -SYSFUZZ_EACCES;
		*maxprot &= ~(uint32_t)PROT_EXEC;
	}
	if ((flags & MAP_SHARED) && !descriptors[fd].writable) {
		if (prot & PROT_WRITE)
			return -SYSFUZZ_EACCES;
		*maxprot &= ~(uint32_t)PROT_WRITE;
	}
	*object = &core->files[fd];
	return 0;
}

/* The alignment in bytes that bits 24-31 ask for (a page if none), or an errno; `addr`, if any, must obey it. */
value_t alignment_of(const struct sysfuzz_core *core, uint32_t flags, const uint64_t *addr)
{
	uint32_t shift = flags >> MAP_ALIGNMENT_SHIFT;

	if (shift == 0)
		return PAGE;
	if (shift >= 64 || 1ull << shift < PAGE)
		return -SYSFUZZ_EINVAL;
	if (1ull << shift >= core->vm_max)
		return -SYSFUZZ_ENOMEM;
	if (addr != NULL && *addr % (1ull << shift))
		return -SYSFUZZ_EINVAL;
	return (value_t)(1ull << shift);
}

static uint64_t mapped_pages(struct map *map, uint64_t start, uint64_t end)
{
	struct entry *entry;
	uint64_t bytes = 0;

	MAP_SPAN (entry, map, start, end)
		bytes += (entry->end < end ? entry->end : end) - (entry->start > start ? entry->start : start);
	return bytes / PAGE;
}

value_t sys_mmap(struct sysfuzz_core *core, struct process *process, uint64_t addr, uint64_t length, uint32_t prot, uint32_t flags,
    int32_t fd, uint64_t pos)
{
	struct map *map = process->map;
	bool fixed = flags & MAP_FIXED, wire;
	uint64_t pageoff = pos & PAGE_MASK, size, end, replaced, rewired;
	struct object *object;
	struct entry *entry;
	uint32_t maxprot;
	value_t error, alignment;

	prot &= PROT_ALL;
	if (flags & ~KNOWN_FLAGS)
		return -SYSFUZZ_EINVAL;
	if ((flags & MAP_NOSYSCALLS) && (flags & (MAP_INHERIT | MAP_RENAME)))
		return -SYSFUZZ_EOPNOTSUPP;
	if (flags & MAP_COPY)
		flags = (flags & ~(uint32_t)MAP_COPY) | MAP_PRIVATE;
	if ((flags & MAP_SHARED) && (flags & MAP_PRIVATE))
		return -SYSFUZZ_EINVAL;
	pos -= pageoff;
	size = round_page(core, length + pageoff);
	if (fixed) {
		addr = (addr - pageoff) & core->mask;
		if ((addr & PAGE_MASK) || addr < core->vm_min)
			return -SYSFUZZ_EINVAL;
		end = (addr + size) & core->mask;
		if (end > core->vm_max)
			return -SYSFUZZ_EFBIG;
		if (end < addr)
			return -SYSFUZZ_EOVERFLOW;
	}
	error = backing(core, fd, prot, flags, pos, size, &object, &maxprot);
	if (error)
		return error;
	if (size == 0)
		return (value_t)((fixed ? addr : core->mmap_base) + pageoff);
	alignment = alignment_of(core, flags, fixed ? &addr : NULL);
	if (alignment < 0)
		return alignment;
	replaced = fixed ? mapped_pages(map, addr, addr + size) : 0;
	if (map->pages - replaced + size / PAGE > SYSFUZZ_MAX_PAGES)
		return -SYSFUZZ_ENOMEM;
	if (!fixed) {
		addr = map_find_space(map, addr, size, (uint64_t)alignment);
		if (addr == 0)
			return -SYSFUZZ_ENOMEM;
	}
	wire = prot != 0 && ((flags & MAP_WIRED) || map->wire_future);
	if (wire) {
		rewired = replaced ? wiring_in(map, addr, addr + size) : 0;
		if (wiring_over_limit(core, map, size / PAGE - rewired))
			return -SYSFUZZ_ENOMEM;
	}
	if (replaced)
		map_remove(map, addr, addr + size);
	entry = entry_create(addr, addr + size, prot, maxprot, flags & MAP_SHARED ? INHERIT_SHARE : INHERIT_COPY);
	entry->attributes = flags & MAP_NOSYSCALLS ? SYSFUZZ_ATTRIBUTE_NOSYSCALLS : 0;
	entry->wired = wire;
	if (object != NULL) {
		entry->object = object;
		entry->offset = pos / PAGE;
		entry->cow = !(flags & MAP_SHARED);
	}
	map_enter(map, entry);
	if (flags & MAP_NOSYSCALLS)
		processes_mark(core, map);
	return (value_t)(addr + pageoff);
}

/* -- the others ------------------------------------------------------------------------------------------------------------------------------ */

value_t sys_munmap(struct sysfuzz_core *core, struct process *process, uint64_t addr, uint64_t length)
{
	struct range range = page_range(core, addr, length);

	if (range.size == 0)
		return 0;
	if (!range.in_bounds)
		return -SYSFUZZ_EINVAL;
	map_remove(process->map, range.start, range.end);
	return 0;
}

/* Whether mprotect makes an entry touchable that mlockall(MCL_FUTURE) wants wired then. */
static bool wakes(const struct map *map, const struct entry *entry, uint32_t prot)
{
	return map->wire_future && prot && !entry->prot && !entry->wired;
}

value_t sys_mprotect(struct sysfuzz_core *core, struct process *process, uint64_t addr, uint64_t length, uint32_t prot)
{
	struct range range = page_range(core, addr, length);
	struct map *map = process->map;
	struct entry *entry;
	uint64_t woken = 0;

	if (!range.in_bounds)
		return -SYSFUZZ_EINVAL;
	prot &= PROT_ALL;
	MAP_SPAN (entry, map, range.start, range.end)
		if (prot & ~entry->maxprot)
			return -SYSFUZZ_EACCES;
	MAP_SPAN (entry, map, range.start, range.end)
		if (wakes(map, entry, prot))
			woken += (entry->end < range.end ? entry->end : range.end) - (entry->start > range.start ? entry->start : range.start);
	if (woken && wiring_over_limit(core, map, woken / PAGE))
		return -SYSFUZZ_ENOMEM;
	map_clip(map, range.start, range.end);
	MAP_SPAN (entry, map, range.start, range.end) {
		if (wakes(map, entry, prot))
			entry->wired = 1;
		entry->prot = prot;
	}
	changed(core, "protect");
	return 0;
}

value_t sys_minherit(struct sysfuzz_core *core, struct process *process, uint64_t addr, uint64_t length, uint32_t inherit)
{
	struct range range = page_range(core, addr, length);
	struct entry *entry;

	if (!range.in_bounds)
		return -SYSFUZZ_EINVAL;
	if (inherit != INHERIT_SHARE && inherit != INHERIT_COPY && inherit != INHERIT_NONE && inherit != INHERIT_ZERO)
		return -SYSFUZZ_EINVAL;
	map_clip(process->map, range.start, range.end);
	MAP_SPAN (entry, process->map, range.start, range.end)
		entry->inherit = inherit;
	changed(core, "inherit");
	return 0;
}

/* EFAULT for a hole, EBUSY for a wired page if those are refused. */
static value_t clean(struct map *map, uint64_t start, uint64_t end, bool refuse_wired)
{
	struct entry *entry;

	if (map_lookup(map, start) == NULL || !map_covers(map, start, end))
		return -SYSFUZZ_EFAULT;
	if (refuse_wired)
		MAP_SPAN (entry, map, start, end)
			if (entry->wired)
				return -SYSFUZZ_EBUSY;
	return 0;
}

/* Forget the contents of anonymous pages that nobody shares. */
static void forget(struct map *map, uint64_t start, uint64_t end)
{
	struct entry *entry;
	uint64_t first, last;

	MAP_SPAN (entry, map, start, end) {
		if (entry->amap == NULL || entry->object != NULL || entry->inherit == INHERIT_SHARE)
			continue;
		first = entry->start > start ? entry->start : start;
		last = entry->end < end ? entry->end : end;
		amap_drop(entry->amap, entry->aoff + (int64_t)((first - entry->start) / PAGE), (last - first) / PAGE);
	}
	changed(map->core, "free");
}

value_t sys_madvise(struct sysfuzz_core *core, struct process *process, uint64_t addr, uint64_t length, uint32_t advice)
{
	struct range range = page_range(core, addr, length);
	struct map *map = process->map;
	struct entry *entry;
	value_t error;

	if (!range.in_bounds)
		return -SYSFUZZ_EINVAL;
	if (advice <= MADV_SEQUENTIAL) {
		map_clip(map, range.start, range.end);
		MAP_SPAN (entry, map, range.start, range.end)
			entry->advice = advice;
		changed(core, "advise");
		return 0;
	}
	switch (advice) {
	case MADV_WILLNEED:
		return 0;
	case MADV_DONTNEED:
		return clean(map, range.start, range.end, false);
	case MADV_FREE:
		error = clean(map, range.start, range.end, true);
		if (!error)
			forget(map, range.start, range.end);
		return error;
	default:
		return -SYSFUZZ_EINVAL;
	}
}

/* Length 0 means the mapping that holds addr. */
value_t sys_msync(struct sysfuzz_core *core, struct process *process, uint64_t addr, uint64_t length, uint32_t flags)
{
	struct range range = page_range(core, addr, length);
	struct entry *entry;

	if ((flags & ~(uint32_t)(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) || flags == 0 || (flags & (MS_ASYNC | MS_SYNC)) == (MS_ASYNC | MS_SYNC))
		return -SYSFUZZ_EINVAL;
	if (!range.in_bounds)
		return -SYSFUZZ_EINVAL;
	if (range.size == 0) {
		entry = map_lookup(process->map, range.start);
		if (entry == NULL)
			return -SYSFUZZ_EINVAL;
		range.start = entry->start;
		range.end = entry->end;
	}
	return clean(process->map, range.start, range.end, flags & MS_INVALIDATE);
}
