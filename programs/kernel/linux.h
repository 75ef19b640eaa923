/* What Linux promises to MIPS o32 programs: numbers that differ from other architectures, and the
 * layout of the structures that pass between a program and the kernel.
 * Source: Linux, arch/mips/include/uapi/asm. Every 64-bit field is big-endian, high word first. */
#pragma once

#include <stdint.h>

enum errno {
    EPERM = 1,
    ENOENT = 2,
    ESRCH = 3,
    EINTR = 4,
    EBADF = 9,
    EAGAIN = 11,
    ENOMEM = 12,
    EFAULT = 14,
    EEXIST = 17,
    ENODEV = 19,
    EINVAL = 22,
    EMFILE = 24,
    ENOTTY = 25,
    ENOSPC = 28,
    ESPIPE = 29,
    ENOSYS = 89,
    ETIMEDOUT = 145,
};

enum clone_flag {
    CLONE_VM = 0x100,
    CLONE_SIGHAND = 0x800,
    CLONE_THREAD = 0x10000,
    CLONE_SETTLS = 0x80000,
    CLONE_PARENT_SETTID = 0x100000,
    CLONE_CHILD_CLEARTID = 0x200000,
    CLONE_CHILD_SETTID = 0x1000000,
};

enum futex_operation {
    FUTEX_WAIT = 0,
    FUTEX_WAKE = 1,
    FUTEX_REQUEUE = 3,
    FUTEX_CMP_REQUEUE = 4,
    FUTEX_WAIT_BITSET = 9,
    FUTEX_WAKE_BITSET = 10,
    FUTEX_PRIVATE_FLAG = 128,
    FUTEX_CLOCK_REALTIME = 256,
};

enum clock_id {
    CLOCK_REALTIME = 0,
    CLOCK_REALTIME_COARSE = 5,
    CLOCK_BOOTTIME = 7, /* the last that is served */
};

enum { TIMER_ABSTIME = 1 };

enum mmap_flag {
    MAP_TYPE = 0xf,
    MAP_SHARED = 0x1,
    MAP_PRIVATE = 0x2,
    MAP_FIXED = 0x10,
    MAP_ANONYMOUS = 0x800,
    MAP_FIXED_NOREPLACE = 0x100000,
};

enum { PROT_WRITE = 2 };
enum { MREMAP_MAYMOVE = 1 };
enum { MADV_DONTNEED = 4, MADV_FREE = 8 };

enum fcntl_command { F_GETFD = 1, F_SETFD = 2, F_GETFL = 3, F_SETFL = 4 };
enum open_flag { O_RDONLY = 0, O_WRONLY = 1, O_RDWR = 2, O_NONBLOCK = 0x80 };
enum { S_IFIFO = 0010000 };
enum { AT_EMPTY_PATH = 0x1000 };
enum { IOV_MAX = 1024 };

enum epoll_operation { EPOLL_CTL_ADD = 1, EPOLL_CTL_DEL = 2, EPOLL_CTL_MOD = 3 };
enum epoll_events { EPOLLIN = 1, EPOLLOUT = 4 };
enum { EFD_SEMAPHORE = 1 };

enum signal_number {
    SIGILL = 4,
    SIGTRAP = 5,
    SIGFPE = 8,
    SIGKILL = 9,
    SIGBUS = 10,
    SIGSEGV = 11,
    SIGCHLD = 18,
    SIGWINCH = 20,
    SIGURG = 21,
    SIGSTOP = 23,
    SIGTSTP = 24,
    SIGCONT = 25,
    SIGTTIN = 26,
    SIGTTOU = 27,
    SIGNALS = 128, /* the highest signal number */
};

enum signal_code {
    SI_TKILL = -6,
    SI_KERNEL = 0x80,
    SEGV_MAPERR = 1,
    BUS_ADRALN = 1,
    FPE_INTDIV = 1,
    FPE_INTOVF = 2,
    TRAP_BRKPT = 1,
};

enum { SIG_DFL = 0, SIG_IGN = 1 };
enum { SIG_BLOCK = 1, SIG_UNBLOCK = 2, SIG_SETMASK = 3 };
enum { SS_ONSTACK = 1, SS_DISABLE = 2, MINSIGSTKSZ = 2048 };

#define SA_ONSTACK 0x08000000u
#define SA_NODEFER 0x40000000u
#define SA_RESETHAND 0x80000000u

#define SIGNAL_WORDS (SIGNALS / 32)

struct signal_set {
    uint32_t words[SIGNAL_WORDS];
};

struct signal_action {
    uint32_t flags, handler;
    struct signal_set mask;
};

struct signal_stack {
    uint32_t low, size, flags;
};

/* struct siginfo; a fault fills address, kill fills pid. */
struct signal_info {
    int32_t number, code, error;
    union {
        uint32_t address, pid;
    };
    uint32_t uid, unused[27];
};

/* struct ucontext with the struct sigcontext inside it. Registers have 64 bits there. */
struct signal_context {
    uint32_t flags, link;
    struct signal_stack stack;
    uint32_t padding;
    uint32_t register_mask, status;
    uint64_t pc, registers[32], float_registers[32];
    uint32_t acx, float_control[2], float_used, dsp;
    uint64_t hi, lo;
    uint32_t dsp_accumulators[6];
    struct signal_set mask;
};

/* What is pushed on the stack of a thread that takes a signal. */
struct signal_frame {
    uint32_t argument_area[4], padding[2];
    struct signal_info info;
    struct signal_context context;
};

_Static_assert(sizeof(struct signal_info) == 128, "struct siginfo");
_Static_assert(__builtin_offsetof(struct signal_context, registers) == 40, "struct ucontext");
_Static_assert(__builtin_offsetof(struct signal_context, hi) == 576, "struct ucontext");
_Static_assert(__builtin_offsetof(struct signal_context, mask) == 616, "struct ucontext");

struct epoll_event {
    uint32_t events, padding, data[2];
};

struct iovec {
    uint32_t base, size;
};
