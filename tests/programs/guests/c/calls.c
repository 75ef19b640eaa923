// Bad arguments, unknown calls, and descriptors.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <time.h>

#include "guest.h"

// Addresses that a program must not pass, and sizes that reach beyond its memory.
static const u32 bad_addresses[] = {1, 4, 0xfff, 0x80000000, 0x80000001, 0xfffffffc, 0xffffffff};

void errors(void)
{
    for (u32 i = 0; i < sizeof bad_addresses / sizeof *bad_addresses; i++) {
        u32 bad = bad_addresses[i];
        FAILS(EFAULT, syscall(SYS_write, 1, bad, 1));
        FAILS(EFAULT, syscall(SYS_read, 7, bad, 1));
        FAILS(EFAULT, syscall(SYS_read, 5, bad, 1));
        FAILS(EFAULT, syscall(SYS_write, 6, bad, 32));
        FAILS(EFAULT, syscall(SYS_write, 8, bad, 32));
        FAILS(EFAULT, syscall(SYS_writev, 1, bad, 1));
        FAILS(EFAULT, syscall(SYS_fstat64, 1, bad));
        FAILS(EFAULT, syscall(SYS_uname, bad));
        FAILS(EFAULT, syscall(SYS_getrandom, bad, 8, 0));
        FAILS(EFAULT, syscall(SYS_rt_sigaction, SIGUSR1, bad, 0, 16));
        FAILS(EFAULT, syscall(SYS_rt_sigprocmask, SIG_BLOCK, 0, bad, 16));
        FAILS(EFAULT, syscall(SYS_sigaltstack, bad, 0));
        FAILS(EFAULT, syscall(SYS_sched_getaffinity, 0, 128, bad));
        FAILS(EFAULT, syscall(SYS_prlimit64, 0, RLIMIT_STACK, 0, bad));
        FAILS(EFAULT, syscall(SYS_gettimeofday_time32, bad, 0));
        FAILS(EFAULT, syscall(SYS_clock_gettime64, 1, bad));
        FAILS(EFAULT, syscall(SYS_clone, 0x110f00, 0, bad, 0, 0));
    }
    FAILS(EFAULT, syscall(SYS_write, 1, 0x7ffff000, 0x1001));
    FAILS(EFAULT, syscall(SYS_write, 1, 0x10000, 0x80000000));
    FAILS(EFAULT, syscall(SYS_write, 1, 0x10000, 0xffffffff));
    CHECK(syscall(SYS_write, 1, 0, 0) == 0);
    CHECK(syscall(SYS_write, 1, 0x80000000, 0) == 0);
    FAILS(EBADF, write(0, "x", 1));
    FAILS(EBADF, write(7, "x", 1));
    FAILS(EBADF, write(9, "x", 1));
    FAILS(EBADF, write(-1, "x", 1));
    FAILS(EBADF, syscall(SYS_read, 1, &errno, 0 + 1));
    FAILS(EBADF, syscall(SYS_read, 64, &errno, 1));
    FAILS(EINVAL, syscall(SYS_writev, 1, &errno, 1025));
    FAILS(ENOSYS, syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
    FAILS(ENOENT, open("/etc/passwd", O_RDONLY));
    FAILS(ENOENT, syscall(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", &errno, 4));
    FAILS(ESRCH, kill(4711, SIGTERM));
    FAILS(ESRCH, syscall(SYS_tkill, 99, SIGTERM));
    FAILS(EINVAL, kill(getpid(), 129));
    FAILS(EINVAL, syscall(SYS_rt_sigaction, SIGKILL, &bad_addresses, 0, 16));
    FAILS(EINVAL, syscall(SYS_rt_sigaction, 0, 0, 0, 16));
    FAILS(EINVAL, syscall(SYS_rt_sigaction, 1, 0, 0, 8));
}

void unknown(void)
{
    for (u32 i = 0; i < 3; i++) {
        FAILS(ENOSYS, syscall(4511));
        FAILS(ENOSYS, syscall(SYS_pipe2, &errno, 0));
        FAILS(ENOSYS, syscall(3999));
        FAILS(ENOSYS, syscall(0x7fffffff));
        FAILS(ENOSYS, syscall(SYS_timer_create, 0, 0, 0)); // known not to be there
    }
}

void descriptors(void)
{
    u8 buffer[64];
    CHECK(read(0, buffer, 64) == 0);
    CHECK(read(7, buffer, 5) == 5 && read(7, buffer + 5, 64) == 27 && read(7, buffer, 64) == 0);
    u8 part[8];
    CHECK(pread(7, part, 8, 3) == 8 && memcmp(part, buffer + 3, 8) == 0);
    CHECK(pread(7, part, 8, 30) == 2 && pread(7, part, 8, 32) == 0 && pread(7, part, 8, 1ll << 40) == 0);
    FAILS(ESPIPE, pread(0, part, 8, 0));
    FAILS(EINVAL, pread(7, part, 8, -1));
    FAILS(ESPIPE, lseek(7, 0, SEEK_SET));

    struct iovec parts[3] = {{"one ", 4}, {NULL, 0}, {"two\n", 4}};
    fflush(stdout);
    CHECK(writev(1, parts, 3) == 8);
    parts[1] = (struct iovec){(void *)8, 4};
    CHECK(writev(1, parts, 3) == 4); // up to what is wrong
    CHECK(write(2, "error\n", 6) == 6);

    struct stat status;
    CHECK(fstat(1, &status) == 0 && S_ISFIFO(status.st_mode) && status.st_nlink == 1);
    FAILS(EBADF, fstat(33, &status));
    FAILS(ENOENT, stat("/", &status));
    FAILS(ENOTTY, ioctl(1, TIOCGWINSZ, buffer));
    FAILS(EMFILE, dup(1));
    CHECK(fcntl(7, F_GETFL) == O_RDONLY && fcntl(1, F_GETFL) == O_WRONLY && fcntl(1, F_GETFD) == 0);
    FAILS(EBADF, fcntl(50, F_GETFL));
    CHECK(close(0) == 0);
    FAILS(EBADF, close(0));
    FAILS(EBADF, read(0, buffer, 1));

    // The output takes 32 bytes, however they come.
    CHECK(write(8, "0123456789", 10) == 10 && write(8, buffer, 30) == 22);
    FAILS(ENOSPC, write(8, "x", 1));

    struct utsname name;
    struct rlimit limit;
    CHECK(uname(&name) == 0 && strcmp(name.machine, "mips") == 0);
    CHECK(getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur == 8 << 20);
    CHECK(getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur == RLIM_INFINITY);
    CHECK(getpid() == 1 && getppid() == 0 && getuid() == 0);
    u32 random[3] = {};
    CHECK(getrandom(random, 11, 0) == 11 && random[0] != random[1] && (random[2] & 0xff) == 0);
}

// ---- any call with any argument ------------------------------------------------------------------

static void nothing(int) {}

// Frees the main thread when a call has it wait for ever.
static void *disturb(void *target)
{
    for (;;) {
        struct timespec moment = {0, 2000000};
        nanosleep(&moment, NULL);
        syscall(SYS_tkill, (u32)target, SIGUSR1);
    }
}

// The calls that the kernel knows, but for those that end the program or disarm the rescuer.
static const u16 known[] = {
    3,   4,   5,   6,   19,  20,  24,  33,  41,  45,  47,  49,  50,  54,  55,  63,  64,
    75,  76,  78,  85,  90,  91,  104, 106, 107, 108, 122, 125, 140, 145, 146, 162, 166,
    167, 192, 200, 206, 210, 213, 214, 215, 218, 220, 222, 238, 240, 248, 249, 250, 252,
    257, 258, 261, 263, 264, 265, 288, 293, 298, 300, 309, 310, 313, 325, 326, 327, 338,
    353, 358, 366, 367, 403, 406, 407, 409, 422, 435, 439,
};

static u32 some_call(void)
{
    if (random_below(8) == 0)
        return 4470 + random_below(100);
    return 4000 + known[random_below(sizeof known / sizeof *known)];
}

static _Alignas(64) u32 scratch[64];

// An argument of any kind, but none that points into what this program needs to live.
static u32 some_argument(void)
{
    u32 value;
    switch (random_below(6)) {
    case 0:
        return random_below(12);
    case 1:
        return bad_addresses[random_below(7)];
    case 2:
        return (u32)scratch + random_below(64);
    case 3:
        return (u32)scratch + 4 * random_below(16);
    case 4:
        return 0x00400000 + random_below(64) * 4096; // above the heap
    default:
        value = random_word() >> random_below(32);
        return value >= 0x1000 && value < 0x80000000 ? -value : value;
    }
}

// Whatever a program asks for, the kernel survives and refuses or does it.
void fuzz(void)
{
    random_seed();
    CHECK(signal(SIGUSR1, nothing) != SIG_ERR);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, disturb, (void *)(u32)syscall(SYS_gettid)) == 0);
    u32 good = 0;
    for (u32 round = 0; round < 2000; round++) {
        u32 number = some_call(), value[6];
        for (u32 i = 0; i < 64; i++)
            scratch[i] = some_argument();
        for (u32 i = 0; i < 6; i++)
            value[i] = some_argument();
        if (number == SYS_getrandom)
            value[1] %= 128; // where other calls take an address
        if (value[0] == 6)
            value[0] = 5; // nobody has the preimages of random keys
        good += syscall(number, value[0], value[1], value[2] % 128, value[3], value[4],
                        value[5]) >= 0;
    }
    CHECK(good > 200);
}
