/* The kernel's modules and what they offer each other. docs/kernel.md describes the whole. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layout.h"
#include "linux.h"
#include "list.h"
#include "vm.h"

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t s32;

enum cause { ADEL = 4, ADES = 5, SYS = 8, BP = 9, RI = 10, OV = 12, TR = 13 };

enum { V0 = 2, A0 = 4, A3 = 7, T9 = 25, SP = 29, RA = 31 };

/* Exit codes of the kernel's own; a program that a signal ends exits with 128 + signal. */
enum { EXIT_DEADLOCK = 250, EXIT_BAD_IMAGE = 251 };

/* ---- clock.c: time stands still but for one microsecond per entry into the kernel ------------- */

struct time {
    u32 seconds, nanoseconds;
};

/* Where CLOCK_REALTIME starts: 2000-01-01T00:00:00Z. */
#define EPOCH 946684800u
/* The clock never gets here, which keeps CLOCK_REALTIME in 31 bits. Longer times are cut to it. */
#define FOREVER (0x7fffffffu - EPOCH)

/* Time since boot, plus a second: a clock that shows zero looks unset to programs. */
extern struct time now;

static inline bool is_before(struct time a, struct time b)
{
    return a.seconds != b.seconds ? a.seconds < b.seconds : a.nanoseconds < b.nanoseconds;
}

enum { TICK = 1000, SECOND = 1000000000 };

static inline void clock_tick(void)
{
    now.nanoseconds += TICK;
    if (now.nanoseconds >= SECOND) {
        now.nanoseconds -= SECOND;
        now.seconds++;
    }
}

struct time time_add(struct time a, struct time b);
struct time time_subtract(struct time a, struct time b);

/* The two layouts of a timespec that a program may pass. */
enum width { NARROW, WIDE };

/* Reads a timespec, a duration. Returns 0 or a negative errno. */
s32 time_read(u32 user, enum width width, struct time *result);
/* Reads a timespec as a deadline on `now`: absolute on the clock `id`, or relative. */
s32 deadline_read(u32 user, enum width width, bool absolute, u32 id, struct time *result);
void time_write(u32 user, enum width width, struct time value);

/* ---- threads.c -------------------------------------------------------------------------------- */

enum { MAX_THREADS = 512 }; /* a power of two: thread_find relies on it */

enum thread_state { FREE, RUNNABLE, WAITING };

struct thread {
    u32 registers[32], hi, lo, pc; /* entry.S knows these by their offsets */

    enum thread_state state;
    u32 id;
    u32 local_storage; /* what RDHWR $29 reads */
    u32 clear_id;      /* address to zero and wake when the thread exits, or 0 */

    struct link queue; /* in the queue of ready threads, or in one of threads that wait */
    struct link timer; /* in the list of sleepers, if it has a deadline */
    bool has_deadline;
    struct time deadline;
    s32 timeout_result; /* what the call returns if the deadline passes */

    u32 futex, futex_mask;       /* what it waits for in FUTEX_WAIT */
    u32 remainder;               /* where an interrupted sleep writes what is left, or 0 */
    enum width remainder_width;

    struct signal_set blocked, pending;
    bool signals_due; /* look at pending before the thread runs again */
    struct signal_stack signal_stack;
};

void threads_init(u32 entry, u32 stack_pointer);
struct thread *thread_find(u32 id);
/* Puts t to sleep in `queue` until somebody wakes it. If nobody has by `deadline` (NULL: there is
 * none), its call returns `late`. */
void thread_block(struct thread *t, struct link *queue, const struct time *deadline, s32 late);
void thread_wake(struct thread *t);
/* Which thread runs next, after t has run. Does not return if none ever can. */
struct thread *schedule(struct thread *t);

/* How often the running thread may still enter the kernel before others get their turn. */
extern u32 entries_left;

/* Whether t must leave the processor: it waits, or has had its share. */
static inline bool must_reschedule(const struct thread *t)
{
    return --entries_left == 0 || t->state != RUNNABLE;
}
/* t if it does not block the signal, else the first thread that does not, else t. */
struct thread *thread_accepting(struct thread *t, u32 signal);

/* ---- futex.c ---------------------------------------------------------------------------------- */

void futex_init(void);
u32 futex_wake(u32 address, u32 count, u32 mask);

/* ---- memory.c --------------------------------------------------------------------------------- */

void memory_init(u32 image_low, u32 image_high, u32 stack_low, u32 stack_high);

/* ---- preimage.c: the OP stack's protocol. The range [user, user + size) has been checked. ------ */

s32 hint_write(u32 user, u32 size);
s32 hint_read(u32 user, u32 size);
s32 preimage_write(u32 user, u32 size);
s32 preimage_read(u32 user, u32 size);

/* ---- descriptors.c ---------------------------------------------------------------------------- */

enum { DESCRIPTORS = 64 };

enum descriptor_kind {
    CLOSED,
    STANDARD_INPUT,
    STANDARD_OUTPUT,
    STANDARD_ERROR,
    HINT_READ,
    HINT_WRITE,
    PREIMAGE_READ,
    PREIMAGE_WRITE,
    INPUT,
    OUTPUT,
    EVENT,
    POLLER,
};

struct descriptor {
    enum descriptor_kind kind;
    bool semaphore; /* of an EVENT: a read takes 1, not all */
    u64 count;      /* of an EVENT */
};

/* NULL if it is not open. */
struct descriptor *descriptor_find(u32 number);
/* A new descriptor, or -EMFILE. */
s32 descriptor_open(enum descriptor_kind kind);
/* Ends the program; its output becomes the VM's. */
[[noreturn]] void program_exit(u32 code);

/* ---- poll.c: event counters and epoll --------------------------------------------------------- */

void poll_init(void);
void poll_forget(u32 number);
s32 event_read(struct descriptor *d, u32 user, u32 size);
s32 event_write(struct descriptor *d, u32 user, u32 size);

/* ---- signals.c -------------------------------------------------------------------------------- */

/* A fault of the running program, as a signal. */
struct fault {
    enum signal_number signal;
    enum signal_code code;
    u32 address;   /* what siginfo reports */
    u32 resume_at; /* where the program goes on if the handler returns */
};

void signals_init(void);
/* Runs the program's handler for a fault, if it has one that can run. */
bool signal_fault(struct thread *t, const struct fault *fault);
/* Runs the handlers of the pending signals that t does not block. */
void signals_deliver(struct thread *t);

/* ---- faults.c --------------------------------------------------------------------------------- */

void handle_fault(struct thread *t, enum cause cause);

/* ---- console.c: the kernel's messages, each one line on the program's standard error ----------- */

struct message {
    u32 size;
    char text[192];
};

void message_start(struct message *m);
void message_text(struct message *m, const char *text);
void message_hex(struct message *m, u32 value);
void message_number(struct message *m, u32 value);
void message_send(struct message *m);

/* ---- syscalls.c ------------------------------------------------------------------------------- */

/* A system call returns its result, or a negative errno. */
typedef s32 system_call(struct thread *t);

enum { FIRST_CALL = 4000, CALLS = 512 };

/* By number; NULL where there is none. */
extern system_call *const calls[CALLS];
s32 unknown_call(u32 number);

/* The result of rt_sigreturn: the registers are set already. */
#define RESULT_IN_REGISTERS (-4095)

static inline void set_result(struct thread *t, s32 result)
{
    if ((u32)result < (u32)RESULT_IN_REGISTERS) {
        t->registers[V0] = result;
        t->registers[A3] = 0;
    } else if (result != RESULT_IN_REGISTERS) {
        t->registers[V0] = -result;
        t->registers[A3] = 1;
    }
}

/* The calls, in the module that each belongs to. */
system_call sys_clone, sys_exit, sys_exit_group, sys_sched_yield, sys_gettid, sys_set_tid_address,
    sys_set_thread_area;
system_call sys_futex, sys_futex_time64;
system_call sys_clock_gettime, sys_clock_gettime64, sys_clock_getres, sys_clock_getres_time64,
    sys_gettimeofday, sys_pause, sys_nanosleep, sys_clock_nanosleep, sys_clock_nanosleep_time64;
system_call sys_brk, sys_mmap, sys_munmap, sys_mprotect, sys_madvise, sys_mremap;
system_call sys_read, sys_write, sys_readv, sys_writev, sys_pread64, sys_close, sys_lseek, sys_fcntl,
    sys_ioctl, sys_dup, sys_fstat, sys_fstat64, sys_statx, sys_no_file;
system_call sys_eventfd2, sys_epoll_create1, sys_epoll_ctl, sys_epoll_wait;
system_call sys_rt_sigaction, sys_rt_sigprocmask, sys_rt_sigreturn, sys_sigaltstack, sys_kill,
    sys_tkill, sys_tgkill;
system_call sys_getpid, sys_root, sys_sched_getaffinity, sys_uname, sys_getrandom, sys_getrlimit,
    sys_setrlimit, sys_prlimit64, sys_membarrier, sys_prctl, sys_absent;

/* The argument at `index`, 0 to 3, of the call that t makes. */
static inline u32 argument(const struct thread *t, u32 index)
{
    return t->registers[A0 + index];
}

/* The argument at `index`, 4 or 5: o32 passes it on the stack. */
s32 stack_argument(const struct thread *t, u32 index, u32 *result);

/* ---- user memory ------------------------------------------------------------------------------ */

/* No hardware stands between the kernel and a bad pointer, and an exception in the kernel ends the
 * run: every address that a program passes goes through one of these first. */
static inline bool is_user_range(u32 address, u32 size)
{
    return address >= USER_LOW && address < USER_HIGH && size <= USER_HIGH - address;
}

/* The same for data that is accessed by words. */
static inline bool are_user_words(u32 address, u32 size)
{
    return is_user_range(address, size) && address % 4 == 0;
}

/* ---- library.c -------------------------------------------------------------------------------- */

void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memset(void *at, int value, size_t size);
