/*
 * The map: sorted, disjoint entries in a doubly linked list, with the verbs lookup, clip, enter, remove and find_space.
 *
 * What makes an entry different from its neighbour is listed once, in `compatible`; the merge that forgets one of these loses it.
 * => who calls clip, enter or remove has validated the range: page-aligned, start < end, inside the bounds.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel.h"

struct map *map_create(struct sysfuzz_core *core)
{
	struct map *map = allocate(sizeof *map);

	map->core = core;
	map->head.next = map->head.prev = &map->head;
	map->users = 1;
	return map;
}

/* One user less; the last takes the map along. */
void map_release(struct map *map)
{
	struct entry *entry, *next;

	if (--map->users > 0)
		return;
	for (entry = map->head.next; entry != &map->head; entry = next) {
		next = entry->next;
		amap_release(entry->amap);
		free(entry);
	}
	free(map);
}

struct entry *entry_create(uint64_t start, uint64_t end, uint32_t prot, uint32_t maxprot, uint32_t inherit)
{
	struct entry *entry = allocate(sizeof *entry);

	entry->start = start;
	entry->end = end;
	entry->prot = prot;
	entry->maxprot = maxprot;
	entry->inherit = inherit;
	return entry;
}

/* The part [start, end) of an entry, in no list; it looks into the same amap. */
struct entry *entry_clone(const struct entry *entry, uint64_t start, uint64_t end)
{
	struct entry *part = allocate(sizeof *part);
	uint64_t skipped = (start - entry->start) / PAGE;

	*part = *entry;
	part->prev = part->next = NULL;
	part->start = start;
	part->end = end;
	part->offset += skipped;
	part->aoff += (int64_t)skipped;
	if (part->amap != NULL)
		part->amap->refs++;
	return part;
}

uint64_t entry_pages(const struct entry *entry)
{
	return (entry->end - entry->start) / PAGE;
}

/* Whether the page at `addr` lies behind the end of the file. */
bool entry_past_end(const struct entry *entry, uint64_t addr)
{
	return entry->object != NULL && entry->offset + (addr - entry->start) / PAGE >= entry->object->pages;
}

/* -- lookup -------------------------------------------------------------------------------------------------------------------------------- */

/* The first entry that ends after `addr`, or the list's head. */
struct entry *map_first(struct map *map, uint64_t addr)
{
	struct entry *entry = map->head.next;

	while (entry != &map->head && entry->end <= addr)
		entry = entry->next;
	return entry;
}

/* `entry` itself if it is one and starts before `end`. */
struct entry *map_next(struct map *map, struct entry *entry, uint64_t end)
{
	return entry != &map->head && entry->start < end ? entry : NULL;
}

struct entry *map_begin(struct map *map, uint64_t start, uint64_t end)
{
	return start < end ? map_next(map, map_first(map, start), end) : NULL;
}

struct entry *map_lookup(struct map *map, uint64_t addr)
{
	struct entry *entry = map_first(map, addr);

	return entry != &map->head && entry->start <= addr ? entry : NULL;
}

/* Whether every page of [start, end) is mapped. */
bool map_covers(struct map *map, uint64_t start, uint64_t end)
{
	struct entry *entry;

	MAP_SPAN (entry, map, start, end) {
		if (entry->start > start)
			return false;
		start = entry->end;
	}
	return start >= end;
}

/* Whether no page of [start, end) is mapped. */
bool map_is_free(struct map *map, uint64_t start, uint64_t end)
{
	return map_next(map, map_first(map, start), end) == NULL;
}

static uint64_t round_up(uint64_t addr, uint64_t alignment)
{
	return (addr + alignment - 1) / alignment * alignment;
}

/* A free, aligned place: the first at or after `hint` (0: no hint), after mmap_base, anywhere; 0 if there is none. */
uint64_t map_find_space(struct map *map, uint64_t hint, uint64_t size, uint64_t alignment)
{
	const struct sysfuzz_core *core = map->core;
	uint64_t bases[3] = {hint ? hint : core->mmap_base, core->mmap_base, core->vm_min};
	struct entry *entry;
	uint64_t start;
	int i;

	for (i = 0; i < 3; i++) {
		if (bases[i] > core->vm_max)
			continue;
		start = round_up(bases[i] < core->vm_min ? core->vm_min : bases[i], alignment);
		for (entry = map_first(map, start); entry != &map->head; entry = entry->next) {
			if (start + size <= entry->start)
				break;
			start = round_up(entry->end > start ? entry->end : start, alignment);
		}
		if (start + size <= core->vm_max)
			return start;
	}
	return 0;
}

/* -- change -------------------------------------------------------------------------------------------------------------------------------- */

static void link_before(struct entry *next, struct entry *entry)
{
	entry->next = next;
	entry->prev = next->prev;
	next->prev->next = entry;
	next->prev = entry;
}

/* Out of the list and gone; its amap is the caller's business. */
static void unlink_entry(struct entry *entry)
{
	entry->prev->next = entry->next;
	entry->next->prev = entry->prev;
	free(entry);
}

/* Let an entry begin at `addr` if one holds it. */
static void clip_at(struct map *map, uint64_t addr)
{
	struct entry *entry = map_lookup(map, addr);

	if (entry == NULL || entry->start == addr)
		return;
	link_before(entry->next, entry_clone(entry, addr, entry->end));
	entry->end = addr;
	changed(map->core, "clip");
}

/* Make both ends entry boundaries where they lie inside an entry; nothing for an empty range. */
void map_clip(struct map *map, uint64_t start, uint64_t end)
{
	if (start >= end)
		return;
	clip_at(map, start);
	clip_at(map, end);
}

/* Put an entry into free space. */
void map_insert(struct map *map, struct entry *entry)
{
	struct entry *next = map_first(map, entry->start);

	if (map_next(map, next, entry->end) != NULL)
		map->core->host->panic(map->core->host->context, "map_insert: not free");
	link_before(next, entry);
	map->pages += entry_pages(entry);
}

/* Whether `next`, which follows in the list, may be one entry with `entry`. */
static bool compatible(const struct entry *entry, const struct entry *next)
{
	return entry->end == next->start
#ifndef WEAK_MERGE
	    && entry->attributes == next->attributes
#endif
	    && entry->prot == next->prot && entry->maxprot == next->maxprot && entry->inherit == next->inherit
	    && entry->advice == next->advice && entry->wired == next->wired && entry->object == next->object && entry->cow == next->cow
	    && (entry->object == NULL || entry->offset + entry_pages(entry) == next->offset);
}

/* Whether nobody else looks into the amap, so that slots beside this entry's own are free. */
static bool extendable(const struct entry *entry)
{
	return entry->amap == NULL || entry->amap->refs == 1;
}

/* Take in the next entry. => at most one of the two has an amap. A part that was unmapped earlier may have left pages in the slots. */
static void extend_up(struct entry *entry)
{
	struct entry *next = entry->next;

	if (next->amap != NULL) {
		entry->amap = next->amap;
		entry->aoff = next->aoff - (int64_t)entry_pages(entry);
		amap_drop(entry->amap, entry->aoff, entry_pages(entry));
	} else if (entry->amap != NULL) {
		amap_drop(entry->amap, entry->aoff + (int64_t)entry_pages(entry), entry_pages(next));
	}
	entry->end = next->end;
	unlink_entry(next);
}

/* Take in the entry before, which has no amap. */
static void extend_down(struct entry *entry)
{
	struct entry *prev = entry->prev;
	uint64_t added = entry_pages(prev);

	entry->start = prev->start;
	entry->offset -= added;
	entry->aoff -= (int64_t)added;
	if (entry->amap != NULL)
		amap_drop(entry->amap, entry->aoff, added);
	unlink_entry(prev);
}

/* Put an entry without amap into free space, merged with the neighbours whose amaps can be extended; with both only if one has none. */
void map_enter(struct map *map, struct entry *entry)
{
	static const char *const words[] = {"enter", "merge-forward", "merge-back", "merge-both"};
	struct entry *before, *after;
	bool back, forward;

	map_insert(map, entry);
	before = entry->prev;
	after = entry->next;
	back = before != &map->head && compatible(before, entry) && extendable(before);
	forward = after != &map->head && compatible(entry, after) && extendable(after);
	if (back) {
		extend_up(before);
		forward = forward && (before->amap == NULL || after->amap == NULL);
		if (forward)
			extend_up(before);
	} else if (forward) {
		extend_down(after);
	}
	changed(map->core, words[2 * back + forward]);
}

/* Unmap [start, end); holes are fine. */
void map_remove(struct map *map, uint64_t start, uint64_t end)
{
	struct entry *entry, *next;

	if (map_is_free(map, start, end))
		return;
	map_clip(map, start, end);
	for (entry = map_first(map, start); entry != &map->head && entry->start < end; entry = next) {
		next = entry->next;
		map->pages -= entry_pages(entry);
		amap_release(entry->amap);
		unlink_entry(entry);
	}
	changed(map->core, "remove");
}

/* Sorted, disjoint, aligned, in bounds, pages counted right: "" or the first thing that is wrong. */
const char *map_check(struct map *map)
{
	uint64_t low = map->core->vm_min, pages = 0;
	struct entry *entry;

	for (entry = map->head.next; entry != &map->head; entry = entry->next) {
		if (entry->start < low || entry->start >= entry->end || entry->end > map->core->vm_max)
			return "an entry overlaps, is empty or out of bounds";
		if ((entry->start | entry->end) & PAGE_MASK)
			return "an entry is not page-aligned";
		if (entry->prot & ~entry->maxprot)
			return "an entry has a protection over its maximum";
		if (entry->next->prev != entry)
			return "the list is torn";
		low = entry->end;
		pages += entry_pages(entry);
	}
	return pages == map->pages ? "" : "the pages are counted wrong";
}
