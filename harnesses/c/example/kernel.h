/*
 * The parts of the example kernel and what they say to each other.
 *
 * A core of sysfuzz with the classical structure: processes with maps, maps with sorted entries, entries with an amap (anonymous pages) in
 * front of an object (a file). One file a part; docs/semantics.md says what each call must do. Nothing is global: all hangs on the core.
 */

#ifndef EXAMPLE_KERNEL_H
#define EXAMPLE_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../sysfuzz_core.h"

#define PAGE SYSFUZZ_PAGE
#define PAGE_MASK ((uint64_t)PAGE - 1)

enum { PROT_READ = 1, PROT_WRITE = 2, PROT_EXEC = 4, PROT_ALL = 7 };
enum {
	MAP_SHARED = 0x1, MAP_PRIVATE = 0x2, MAP_COPY = 0x4, MAP_FIXED = 0x10, MAP_RENAME = 0x20, MAP_NORESERVE = 0x40, MAP_INHERIT = 0x80,
	MAP_HASSEMAPHORE = 0x200, MAP_TRYFIXED = 0x400, MAP_WIRED = 0x800, MAP_ANON = 0x1000, MAP_STACK = 0x2000, MAP_NOSYSCALLS = 0x10000
};
#define MAP_ALIGNMENT_SHIFT 24
#define MAP_ALIGNMENT_MASK 0xff000000u
enum { INHERIT_SHARE = 0, INHERIT_COPY = 1, INHERIT_NONE = 2, INHERIT_ZERO = 4 };

enum { SIG_ILL = 4, SIG_TRAP = 5, SIG_FPE = 8, SIG_KILL = 9, SIG_BUS = 10, SIG_SEGV = 11, SIG_STOP = 17, SIGNALS = 64 };
enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11 };

enum { SLOTS = 64, FIRST_SLOT = 8 }; /* of a local descriptor table; those below are the kernel's own */
enum { I386_SET_LDT = 1 };

/* A value, or a negative errno. */
typedef int64_t value_t;

/* -- pages.c: where contents live -------------------------------------------------------------------------------------------------------- */

/* Anonymous pages by slot; slots can be negative after a mapping has grown downwards. `refs` counts the entries that look into it. */
struct anon {
	int64_t slot;
	uint64_t paddr;
};
struct amap {
	uint32_t refs;
	uint32_t count;
	uint32_t room;
	struct anon *anons;
};

/* A file of zeros behind its `data`, shared by all who map it. */
struct object {
	uint64_t pages;
	const uint8_t *data;
	uint64_t size;
	uint64_t loaded[SYSFUZZ_MAX_PAGES]; /* physical address by page, 0: not yet */
};

struct amap *amap_create(void);
void amap_release(struct amap *amap);
uint64_t amap_lookup(const struct amap *amap, int64_t slot);
void amap_add(struct amap *amap, int64_t slot, uint64_t paddr);
void amap_drop(struct amap *amap, int64_t first, uint64_t count);
struct amap *amap_copy(const struct amap *amap, int64_t first, uint64_t count, const struct sysfuzz_host *host);
uint64_t object_page(struct object *object, uint64_t index, const struct sysfuzz_host *host);
uint64_t copy_page(uint64_t paddr, const struct sysfuzz_host *host);
void *allocate(size_t size);

/* -- map.c: the entries of an address space ----------------------------------------------------------------------------------------------- */

struct entry {
	struct entry *prev;
	struct entry *next;
	uint64_t start;
	uint64_t end;
	uint32_t prot;
	uint32_t maxprot;
	uint32_t inherit;
	uint32_t advice;
	uint32_t wired;
	uint32_t attributes;
	struct object *object;
	uint64_t offset; /* the object's page at `start` */
	bool cow;        /* the object's pages are copied into the amap before they are written */
	struct amap *amap;
	int64_t aoff;    /* the amap's slot at `start` */
};

struct map {
	struct sysfuzz_core *core;
	struct entry head; /* of the list: its next is the lowest entry, its prev the highest */
	uint64_t pages;
	uint32_t users;    /* processes that run in it: several after vfork */
	bool wire_future;
};

struct map *map_create(struct sysfuzz_core *core);
void map_release(struct map *map);
struct entry *entry_create(uint64_t start, uint64_t end, uint32_t prot, uint32_t maxprot, uint32_t inherit);
struct entry *entry_clone(const struct entry *entry, uint64_t start, uint64_t end);
uint64_t entry_pages(const struct entry *entry);
bool entry_past_end(const struct entry *entry, uint64_t addr);
struct entry *map_first(struct map *map, uint64_t addr);
struct entry *map_next(struct map *map, struct entry *entry, uint64_t end);
struct entry *map_begin(struct map *map, uint64_t start, uint64_t end);
struct entry *map_lookup(struct map *map, uint64_t addr);
bool map_covers(struct map *map, uint64_t start, uint64_t end);
bool map_is_free(struct map *map, uint64_t start, uint64_t end);
uint64_t map_find_space(struct map *map, uint64_t hint, uint64_t size, uint64_t alignment);
void map_clip(struct map *map, uint64_t start, uint64_t end);
void map_insert(struct map *map, struct entry *entry);
void map_enter(struct map *map, struct entry *entry);
void map_remove(struct map *map, uint64_t start, uint64_t end);
const char *map_check(struct map *map);

/* Each entry of a map that has a byte in [start, end); none if that is empty. */
#define MAP_SPAN(entry, map, start, end) for (entry = map_begin(map, start, end); entry != NULL; entry = map_next(map, entry->next, end))

/* -- process.c ---------------------------------------------------------------------------------------------------------------------------- */

struct lwp {
	uint32_t number;
	uint64_t masked; /* signals, by bit */
};

struct process {
	uint32_t pid;
	bool marked;
	struct map *map;
	uint64_t handlers[SIGNALS];
	uint32_t segments[SLOTS];
	bool has_segment[SLOTS];
	struct lwp lwps[SYSFUZZ_MAX_LWPS];
	uint32_t nlwps;
	uint32_t next_lwp;
};

struct process *process_find(struct sysfuzz_core *core, uint32_t pid);
struct lwp *lwp_find(struct process *process, uint32_t lwp);
value_t process_fork(struct sysfuzz_core *core, struct process *parent, bool share);
void process_exec(struct sysfuzz_core *core, struct process *process, uint32_t lwp);
void process_exit(struct sysfuzz_core *core, struct process *process);
value_t lwp_create(struct process *process);
void lwp_exit(struct sysfuzz_core *core, struct process *process, uint32_t lwp);
void processes_mark(struct sysfuzz_core *core, const struct map *map);

/* -- usermem.c ---------------------------------------------------------------------------------------------------------------------------- */

uint64_t user_fault(struct sysfuzz_core *core, struct process *process, uint64_t vaddr, uint32_t access);
bool user_read(struct sysfuzz_core *core, struct process *process, uint64_t addr, void *data, uint64_t size, bool forced);
bool user_write(struct sysfuzz_core *core, struct process *process, uint64_t addr, const void *data, uint64_t size, bool forced);
bool user_can_write(struct sysfuzz_core *core, struct process *process, uint64_t addr, uint64_t size);
uint32_t user_fetch(struct sysfuzz_core *core, struct process *process, uint64_t addr, uint8_t *code, uint32_t size);

/* -- mman.c, mremap.c, wiring.c: the calls ------------------------------------------------------------------------------------------------- */

struct range {
	uint64_t start;
	uint64_t end;
	uint64_t size;
	bool in_bounds;
};

uint64_t round_page(const struct sysfuzz_core *core, uint64_t size);
struct range page_range(const struct sysfuzz_core *core, uint64_t addr, uint64_t length);
bool in_bounds(const struct sysfuzz_core *core, uint64_t start, uint64_t size);
value_t alignment_of(const struct sysfuzz_core *core, uint32_t flags, const uint64_t *addr);
value_t sys_mmap(struct sysfuzz_core *, struct process *, uint64_t addr, uint64_t length, uint32_t prot, uint32_t flags, int32_t fd, uint64_t pos);
value_t sys_munmap(struct sysfuzz_core *, struct process *, uint64_t addr, uint64_t length);
value_t sys_mprotect(struct sysfuzz_core *, struct process *, uint64_t addr, uint64_t length, uint32_t prot);
value_t sys_minherit(struct sysfuzz_core *, struct process *, uint64_t addr, uint64_t length, uint32_t inherit);
value_t sys_madvise(struct sysfuzz_core *, struct process *, uint64_t addr, uint64_t length, uint32_t advice);
value_t sys_msync(struct sysfuzz_core *, struct process *, uint64_t addr, uint64_t length, uint32_t flags);
value_t sys_mincore(struct sysfuzz_core *, struct process *, uint64_t addr, uint64_t length, uint64_t vec);
value_t sys_mremap(struct sysfuzz_core *, struct process *, uint64_t old, uint64_t oldlen, uint64_t new, uint64_t newlen, uint32_t flags);
value_t sys_mlock(struct sysfuzz_core *, struct process *, uint64_t addr, uint64_t length);
value_t sys_munlock(struct sysfuzz_core *, struct process *, uint64_t addr, uint64_t length);
value_t sys_mlockall(struct sysfuzz_core *, struct process *, uint32_t flags);
value_t sys_munlockall(struct sysfuzz_core *, struct process *);
bool wiring_over_limit(struct sysfuzz_core *core, struct map *map, uint64_t more);
uint64_t wiring_in(struct map *map, uint64_t start, uint64_t end);

/* -- syscalls.c, signals.c, trap.c ---------------------------------------------------------------------------------------------------------- */

value_t call_by_name(struct sysfuzz_core *core, struct process *process, uint32_t lwp, const char *name, const uint64_t *args, uint32_t nargs);
void dispatch(struct sysfuzz_core *core, struct process *process, uint32_t lwp, struct sysfuzz_frame *frame, struct sysfuzz_reply *reply);
void deliver(struct sysfuzz_core *core, struct process *process, uint32_t lwp, struct sysfuzz_frame *frame, uint32_t signal, uint32_t code,
    uint64_t addr, struct sysfuzz_reply *reply);
value_t set_context(struct sysfuzz_core *core, struct process *process, uint32_t lwp, struct sysfuzz_frame *frame, uint64_t addr);

/* -- core.c --------------------------------------------------------------------------------------------------------------------------------- */

enum { FILES = 7 }; /* descriptors that are open in every process */

struct sysfuzz_core {
	const struct sysfuzz_host *host;
	uint32_t bits;
	uint64_t mask; /* all bits of an address */
	uint64_t vm_min;
	uint64_t vm_max;
	uint64_t mmap_base;
	struct process *processes[SYSFUZZ_MAX_PROCESSES]; /* by rising pid */
	uint32_t nprocesses;
	uint32_t next_pid;
	struct object trampoline;
	struct object files[FILES];
	char *log; /* what the maps did */
	size_t log_length;
	size_t log_room;
	char wrong[160];
};

struct map *fresh_map(struct sysfuzz_core *core);
void changed(struct sysfuzz_core *core, const char *transition);

#endif
