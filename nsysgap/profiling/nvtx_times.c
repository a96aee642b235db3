/* Notes when each NVTX range of a program begins and ends, without nsys: the plain run's own step times.
 *
 * NVTX loads the library that NVTX_INJECTION64_PATH names and calls InitializeInjectionNvtx2 with a table of its functions
 * (nvtxDetail/nvtxInit.h and nvtxTypes.h of NVTX 3; the names and numbers below are from there). What is noted goes into
 * memory that is a mapping of a file, one file a thread, in the folder that NSYSGAP_NVTX_TIMES names: the kernel writes it
 * whatever becomes of the program, and no thread waits for another.
 *
 * What a range costs is mostly new pages, 1 ns a byte and more, and reading clocks: so records are short, names without what
 * they share with the last name of the same depth (the next step's differs in a digit), and times are ticks of the counter of the processor
 * where the kernel's own clock is made of it (a third of the time of clock_gettime), with the clock beside them every few
 * milliseconds.
 *
 * File: magic[8], ticks and ns at the start of the program, then records of a multiple of 4 bytes, then zeros. A record:
 *   u32  kind | HAS_DOMAIN | ticks since the record before it << 8
 *   u16  domain, with HAS_DOMAIN
 *   u64  START, END: number of the range; CLOCK: ticks, and i64 ns
 *   u16  PUSH, START, DOMAIN: bytes of the name that follow | bytes before them that are those of the earlier name << 10
 * nvtx_times.py reads it.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>
#ifdef __x86_64__
#include <x86intrin.h>
#endif

#define WINDOW (1u << 20)          /* bytes of a file that are mapped at once */
#define MOST_WINDOWS 1024u         /* of a process: 1 GiB, some 40 million ranges */
#define MOST_NAME 1023u            /* bytes of a name that are kept */
#define MOST_SHARED 63u            /* bytes of a name that may be those of an earlier one */
#define MOST_DOMAINS 65535u        /* what a record has room for; all later ones are the last one */
#define CLOCK_EVERY ((1u << 24) - 1) /* ticks: 4 to 17 ms; what a record has room for */
#define DEPTHS 8u                  /* of nested ranges whose last names are kept; deeper ones share the last */
#define EXPORT __attribute__((visibility("default")))
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

enum { PUSH = 1, POP = 2, START = 3, END = 4, DOMAIN = 5, NEXT_WINDOW = 6, FULL = 7, CLOCK = 8, HAS_DOMAIN = 16 };
enum { MODULE_CORE = 1, MODULE_CORE2 = 5, TABLE_CALLBACKS = 1, MESSAGE_ASCII = 1, MESSAGE_UNICODE = 2, MESSAGE_REGISTERED = 3 };

struct moment {
    uint64_t ticks;
    int64_t ns; /* CLOCK_MONOTONIC */
};

/* nvtxEventAttributes_v2 up to the message */
struct attributes {
    uint16_t version, size;
    uint32_t category;
    int32_t color_type;
    uint32_t color;
    int32_t payload_type, reserved;
    uint64_t payload;
    int32_t message_type;
    const void *message;
};

struct text {
    uint16_t length;
    char bytes[];
};

struct name {
    uint16_t length;
    char bytes[MOST_SHARED - 1];
};

struct thread {
    char *next, *end; /* in the mapped window; NULL before the first */
    uint64_t last, clocked; /* ticks of the last record, and of the last moment that was noted */
    char *window;
    off_t offset;
    unsigned generation, number, depth;
    pid_t tid;
    struct name names[DEPTHS + 1]; /* by depth; that of ranges with a number */
};

static _Thread_local struct thread mine;
static char folder[4000];
static atomic_uint windows, domains, generation, full, files;
static atomic_ullong range_ids;
static pthread_key_t at_thread_exit;
static int counted; /* whether ticks are the processor's */
static struct moment began;

static int64_t clock_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static inline uint64_t ticks(void) {
#ifdef __x86_64__
    if (counted) return __rdtsc();
#endif
    return (uint64_t)clock_ns();
}

/* Both clocks at one time: the least apart of some tries, since the thread may be interrupted between two readings. */
static struct moment now_on_both(void) {
    struct moment best = {0, 0};
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < 4 && least > 500; i++) {
        uint64_t before = ticks();
        int64_t ns = clock_ns();
        uint64_t apart = ticks() - before;
        if (apart < least) {
            least = apart;
            best.ticks = counted ? before + apart / 2 : (uint64_t)ns;
            best.ns = ns;
        }
    }
    return best;
}

/* The kernel trusts the counter to run evenly and alike on all processors where it makes its own clock of it. */
static int counter_is_the_clock(void) {
#ifdef __x86_64__
    char name[8] = "";
    FILE *file = fopen("/sys/devices/system/clocksource/clocksource0/current_clocksource", "re");
    if (!file) return 0;
    int same = fgets(name, sizeof name, file) && !strcmp(name, "tsc\n");
    fclose(file);
    return same;
#else
    return 0;
#endif
}

/* The parts of a record, then its head: what the program did not finish is none. */
static inline void put(struct thread *t, uint64_t now, uint32_t what, const char *end) {
    uint32_t head = what | (uint32_t)(now - t->last) << 8;
    atomic_thread_fence(memory_order_release);
    *(volatile uint32_t *)t->next = head;
    t->next += ((size_t)(end - t->next) + 3) & ~(size_t)3;
    t->last = now;
}

static void put_clock(struct thread *t) {
    struct moment m = now_on_both();
    t->last = t->clocked = m.ticks;
    memcpy(t->next + 4, &m, sizeof m);
    put(t, m.ticks, CLOCK, t->next + 4 + sizeof m);
}

/* A name: what it does not share with the one before in its place, which it takes. */
static inline char *put_name(char *at, struct name *before, const char *name, size_t length) {
    size_t shared = 0, most = length < before->length ? length : before->length;
    while (shared < most && before->bytes[shared] == name[shared]) shared++;
    uint16_t rest = (uint16_t)(length - shared), both = (uint16_t)(rest | shared << 10);
    memcpy(at, &both, sizeof both);
    if (rest) {
        memcpy(at + sizeof both, name + shared, rest);
        size_t kept = length < sizeof before->bytes ? length : sizeof before->bytes;
        if (kept > shared) memcpy(before->bytes + shared, name + shared, kept - shared);
    }
    before->length = (uint16_t)(length < sizeof before->bytes ? length : sizeof before->bytes);
    return at + sizeof both + rest;
}

#define CLOCK_SIZE (4 + sizeof(struct moment))
#define HEAD_SIZE (4 + 2 + 8 + 2 + 3)      /* of any record but a moment's, with what makes it a multiple of 4 */
#define ROOM(length) (HEAD_SIZE + (length) + 2 * CLOCK_SIZE + 4) /* with a moment before and after, and the window's end */

static void release(void *thread) {
    struct thread *t = thread;
    if (t->window) {
        put_clock(t);
        munmap(t->window, WINDOW);
    }
    memset(t, 0, sizeof *t);
    t->tid = -1; /* a destructor that runs later may still push: it is not noted */
}

static int map_window(struct thread *t) {
    char path[4096];
    if (atomic_load(&full)) return 0;
    if (t->generation != atomic_load(&generation)) { /* first use, or a child of fork: files of its own */
        unsigned now = atomic_load(&generation);
        memset(t, 0, sizeof *t);
        t->generation = now;
        t->number = atomic_fetch_add(&files, 1); /* the system may give a thread's number to a later one */
    }
    if (!t->tid) t->tid = (pid_t)syscall(SYS_gettid);
    if (atomic_fetch_add(&windows, 1) >= MOST_WINDOWS) {
        atomic_store(&full, 1);
        return 0;
    }
    snprintf(path, sizeof path, "%s/%d-%d-%u.nvtx", folder, (int)getpid(), (int)t->tid, t->number);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return 0;
    char *window = MAP_FAILED;
    if (posix_fallocate(fd, t->offset, WINDOW) == 0) /* a full disk is an error here, not a SIGBUS later */
        window = mmap(NULL, WINDOW, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, t->offset);
    close(fd);
    if (window == MAP_FAILED) {
        atomic_store(&full, 1);
        return 0;
    }
    if (t->window) munmap(t->window, WINDOW);
    t->window = t->next = window;
    t->end = window + WINDOW;
    if (t->offset == 0) {
        memcpy(t->next, "NSGNVTX3", 8);
        memcpy(t->next + 8, &began, sizeof began);
        t->next += 8 + sizeof began;
    }
    t->offset += WINDOW;
    put_clock(t);
    pthread_setspecific(at_thread_exit, t);
    return 1;
}

/* A window that is full, the first one, or the first in a child of fork. */
static __attribute__((noinline)) int new_window(struct thread *t) {
    if (t->tid == -1) return 0;
    if (t->generation == atomic_load(&generation) && t->next && (size_t)(t->end - t->next) >= 4)
        *(volatile uint32_t *)t->next = atomic_load(&windows) >= MOST_WINDOWS || atomic_load(&full) ? FULL : NEXT_WINDOW;
    return map_window(t);
}

static __attribute__((noinline)) void clock_again(struct thread *t) { put_clock(t); }

static inline void note(unsigned kind, uint32_t domain, uint64_t id, const char *name, size_t length) {
    struct thread *t = &mine;
    if (UNLIKELY(length > MOST_NAME)) length = MOST_NAME;
    if (UNLIKELY(t->generation != atomic_load_explicit(&generation, memory_order_relaxed) ||
                 (size_t)(t->end - t->next) < ROOM(length)))
        if (!new_window(t)) return;
    uint64_t now = ticks();
    if (UNLIKELY(now - t->clocked > CLOCK_EVERY)) { /* also where the counter went back */
        clock_again(t);
        now = t->last; /* not asked again: the thread may be held up in between for longer than a record has room for */
    }
    if (UNLIKELY(now < t->last)) now = t->last;
    char *at = t->next + 4;
    if (domain) {
        uint16_t small = (uint16_t)domain;
        memcpy(at, &small, sizeof small);
        at += sizeof small;
    }
    if (kind == START || kind == END) {
        memcpy(at, &id, sizeof id);
        at += sizeof id;
    }
    if (kind == PUSH) {
        at = put_name(at, &t->names[t->depth < DEPTHS ? t->depth : DEPTHS - 1], name, length);
        t->depth++;
    } else if (kind == POP) {
        if (t->depth) t->depth--;
    } else if (kind != END) {
        if (kind == DOMAIN) t->names[DEPTHS].length = 0;
        at = put_name(at, &t->names[DEPTHS], name, length);
    }
    put(t, now, kind | (domain ? HAS_DOMAIN : 0), at);
}

static size_t utf8(const wchar_t *wide, char *out, size_t room) {
    size_t n = 0;
    for (; wide && *wide && n + 4 <= room; wide++) {
        uint32_t c = (uint32_t)*wide;
        if (c < 0x80) out[n++] = (char)c;
        else if (c < 0x800) { out[n++] = (char)(0xC0 | c >> 6); out[n++] = (char)(0x80 | (c & 63)); }
        else if (c < 0x10000) { out[n++] = (char)(0xE0 | c >> 12); out[n++] = (char)(0x80 | (c >> 6 & 63)); out[n++] = (char)(0x80 | (c & 63)); }
        else { out[n++] = (char)(0xF0 | (c >> 18 & 7)); out[n++] = (char)(0x80 | (c >> 12 & 63)); out[n++] = (char)(0x80 | (c >> 6 & 63)); out[n++] = (char)(0x80 | (c & 63)); }
    }
    return n;
}

static inline void note_text(unsigned kind, uint32_t domain, uint64_t id, const char *text) {
    note(kind, domain, id, text, text ? strnlen(text, MOST_NAME) : 0);
}

static void note_wide(unsigned kind, uint32_t domain, uint64_t id, const wchar_t *wide) {
    char text[MOST_NAME];
    note(kind, domain, id, text, utf8(wide, text, sizeof text));
}

static inline void note_event(unsigned kind, uint32_t domain, uint64_t id, const struct attributes *event) {
    const struct text *registered;
    switch (event && event->message ? event->message_type : 0) {
    case MESSAGE_ASCII: note_text(kind, domain, id, event->message); break;
    case MESSAGE_UNICODE: note_wide(kind, domain, id, event->message); break;
    case MESSAGE_REGISTERED:
        registered = event->message;
        note(kind, domain, id, registered->bytes, registered->length);
        break;
    default: note(kind, domain, id, NULL, 0);
    }
}

/* The depth that push and pop return is of no use to anybody: -1 says "not known" (nvtx.h: a negative value is an error). */
static uint32_t number(const void *domain) { return domain ? *(const uint32_t *)domain : 0; }
static uint64_t new_id(void) { return atomic_fetch_add(&range_ids, 1) + 1; }

static int push_a(const char *text) { note_text(PUSH, 0, 0, text); return 0; }
static int push_w(const wchar_t *text) { note_wide(PUSH, 0, 0, text); return 0; }
static int push_ex(const struct attributes *event) { note_event(PUSH, 0, 0, event); return 0; }
static int pop(void) { note(POP, 0, 0, NULL, 0); return 0; }
static uint64_t start_a(const char *text) { uint64_t id = new_id(); note_text(START, 0, id, text); return id; }
static uint64_t start_w(const wchar_t *text) { uint64_t id = new_id(); note_wide(START, 0, id, text); return id; }
static uint64_t start_ex(const struct attributes *event) { uint64_t id = new_id(); note_event(START, 0, id, event); return id; }
static void end(uint64_t id) { note(END, 0, id, NULL, 0); }
static int domain_push(const void *d, const struct attributes *event) { note_event(PUSH, number(d), 0, event); return 0; }
static int domain_pop(const void *d) { note(POP, number(d), 0, NULL, 0); return 0; }
static uint64_t domain_start(const void *d, const struct attributes *event) {
    uint64_t id = new_id();
    note_event(START, number(d), id, event);
    return id;
}
static void domain_end(const void *d, uint64_t id) { note(END, number(d), id, NULL, 0); }

/* Handles are never freed: a program makes few, and may use one after it destroyed it. */
static void *make_domain(const char *name, size_t length) {
    uint32_t *handle = malloc(sizeof *handle);
    if (handle) {
        unsigned number = atomic_fetch_add(&domains, 1) + 1;
        *handle = number < MOST_DOMAINS ? number : MOST_DOMAINS;
        note(DOMAIN, *handle, 0, name, length);
    }
    return handle;
}
static void *domain_a(const char *name) { return make_domain(name, name ? strnlen(name, MOST_NAME) : 0); }
static void *domain_w(const wchar_t *name) {
    char text[MOST_NAME];
    return make_domain(text, utf8(name, text, sizeof text));
}
static void *keep(const char *bytes, size_t length) {
    struct text *t = malloc(sizeof *t + length);
    if (t) {
        t->length = (uint16_t)length;
        memcpy(t->bytes, bytes, length);
    }
    return t;
}
static void *register_a(const void *domain, const char *text) {
    (void)domain;
    return keep(text ? text : "", text ? strnlen(text, MOST_NAME) : 0);
}
static void *register_w(const void *domain, const wchar_t *wide) {
    char text[MOST_NAME];
    (void)domain;
    return keep(text, utf8(wide, text, sizeof text));
}

static void in_child(void) {
    atomic_fetch_add(&generation, 1);
    atomic_store(&windows, 0);
}

typedef void (*function)(void);
struct callbacks {
    size_t size;
    int (*table)(int module, function ***out, unsigned *size);
};

static void set(function **table, unsigned size, unsigned number, function to) {
    if (number < size && table[number]) *table[number] = to;
}

/* The main thread ends without the end of a thread. */
__attribute__((destructor)) static void at_exit(void) {
    if (mine.next && mine.tid != -1 && mine.generation == atomic_load(&generation)) put_clock(&mine);
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int usable;

static void prepare(void) {
    const char *name = getenv("NSYSGAP_NVTX_TIMES");
    if (!name || !*name || strlen(name) >= sizeof folder) return;
    strcpy(folder, name);
    counted = counter_is_the_clock();
    began = now_on_both();
    atomic_store(&generation, 1);
    usable = pthread_key_create(&at_thread_exit, release) == 0 && pthread_atfork(NULL, NULL, in_child) == 0;
}

EXPORT int InitializeInjectionNvtx2(const void *(*get)(uint32_t)) {
    const struct callbacks *callbacks = get(TABLE_CALLBACKS);
    function **core = NULL, **core2 = NULL;
    unsigned size = 0, size2 = 0;
    pthread_once(&once, prepare);
    if (!usable || !callbacks || callbacks->size < sizeof *callbacks) return 0;
    if (callbacks->table(MODULE_CORE, &core, &size)) {
        set(core, size, 4, (function)start_ex);
        set(core, size, 5, (function)start_a);
        set(core, size, 6, (function)start_w);
        set(core, size, 7, (function)end);
        set(core, size, 8, (function)push_ex);
        set(core, size, 9, (function)push_a);
        set(core, size, 10, (function)push_w);
        set(core, size, 11, (function)pop);
    }
    if (callbacks->table(MODULE_CORE2, &core2, &size2)) {
        set(core2, size2, 2, (function)domain_start);
        set(core2, size2, 3, (function)domain_end);
        set(core2, size2, 4, (function)domain_push);
        set(core2, size2, 5, (function)domain_pop);
        set(core2, size2, 10, (function)register_a);
        set(core2, size2, 11, (function)register_w);
        set(core2, size2, 12, (function)domain_a);
        set(core2, size2, 13, (function)domain_w);
    }
    return 1;
}

/* The name that NVTX 2's own library asks for. */
EXPORT int InitializeInjectionNvtx(const void *(*get)(uint32_t)) { return InitializeInjectionNvtx2(get); }
