/* Where the contents of mappings live: anonymous memory and files, page by page. Pages come to be when they are first touched. */

#include <stdlib.h>
#include <string.h>

#include "kernel.h"

/* Zeroed memory; there is no way on without it. */
void *allocate(size_t size)
{
	void *memory = calloc(1, size);

	if (memory == NULL)
		abort();
	return memory;
}

struct amap *amap_create(void)
{
	struct amap *amap = allocate(sizeof *amap);

	amap->refs = 1;
	return amap;
}

void amap_release(struct amap *amap)
{
	if (amap == NULL || --amap->refs > 0)
		return;
	free(amap->anons);
	free(amap);
}

uint64_t amap_lookup(const struct amap *amap, int64_t slot)
{
	uint32_t i;

	for (i = 0; i < amap->count; i++)
		if (amap->anons[i].slot == slot)
			return amap->anons[i].paddr;
	return 0;
}

/* => there is nothing in the slot. */
void amap_add(struct amap *amap, int64_t slot, uint64_t paddr)
{
	if (amap->count == amap->room) {
		amap->room = amap->room ? 2 * amap->room : 4;
		amap->anons = realloc(amap->anons, amap->room * sizeof *amap->anons);
		if (amap->anons == NULL)
			abort();
	}
	amap->anons[amap->count].slot = slot;
	amap->anons[amap->count++].paddr = paddr;
}

static bool in_slots(const struct anon *anon, int64_t first, uint64_t count)
{
	return anon->slot >= first && (uint64_t)(anon->slot - first) < count;
}

/* Forget the pages in `count` slots from `first`. */
void amap_drop(struct amap *amap, int64_t first, uint64_t count)
{
	uint32_t i, kept = 0;

	for (i = 0; i < amap->count; i++)
		if (!in_slots(&amap->anons[i], first, count))
			amap->anons[kept++] = amap->anons[i];
	amap->count = kept;
}

/* Copies of the pages in `count` slots from `first`, at slots 0 onward. */
struct amap *amap_copy(const struct amap *amap, int64_t first, uint64_t count, const struct sysfuzz_host *host)
{
	struct amap *copy = amap_create();
	uint32_t i;

	for (i = 0; i < amap->count; i++)
		if (in_slots(&amap->anons[i], first, count))
			amap_add(copy, amap->anons[i].slot - first, copy_page(amap->anons[i].paddr, host));
	return copy;
}

/* Physical address of page `index`; 0 past the end. */
uint64_t object_page(struct object *object, uint64_t index, const struct sysfuzz_host *host)
{
	uint64_t paddr, at;

	if (index >= object->pages)
		return 0;
	if (object->loaded[index] == 0) {
		paddr = object->loaded[index] = host->allocate(host->context);
		at = index * PAGE;
		if (paddr != 0 && at < object->size)
			host->write(host->context, paddr, object->data + at, object->size - at < PAGE ? object->size - at : PAGE);
	}
	return object->loaded[index];
}

uint64_t copy_page(uint64_t paddr, const struct sysfuzz_host *host)
{
	uint64_t copy = host->allocate(host->context);

	if (copy != 0)
		host->write(host->context, copy, host->memory + paddr, PAGE);
	return copy;
}
