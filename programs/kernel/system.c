/* Calls about the machine and the process: constants, almost all of them. */
#include "kernel.h"

enum { PROCESS_ID = 1 };

s32 sys_getpid(struct thread *)
{
    return PROCESS_ID;
}

/* User and group: root, as in a container. Also the parent of process 1. */
s32 sys_root(struct thread *)
{
    return 0;
}

/* Known and not offered; programs have another way, so it is not worth a message. */
s32 sys_absent(struct thread *)
{
    return -ENOSYS;
}

s32 sys_prctl(struct thread *)
{
    return -EINVAL;
}

/* One processor, and threads change only inside the kernel: every barrier holds already. */
s32 sys_membarrier(struct thread *)
{
    return 0;
}

/* One processor. */
s32 sys_sched_getaffinity(struct thread *t)
{
    u32 size = argument(t, 1), user = argument(t, 2);
    if (size < 4)
        return -EINVAL;
    if (!are_user_words(user, 4))
        return -EFAULT;
    *(u32 *)user = 1;
    return 4;
}

s32 sys_uname(struct thread *t)
{
    enum { FIELD = 65 };
    static const char fields[6][FIELD] = {"Linux", "axonum", "5.10.0", "#1", "mips", "(none)"};
    u32 user = argument(t, 0);
    if (!is_user_range(user, sizeof fields))
        return -EFAULT;
    memcpy((void *)user, fields, sizeof fields);
    return 0;
}

/* ---- random numbers --------------------------------------------------------------------------- */

/* The same in every run, as everything here. Good for hash tables, worthless for secrets.
 * Source: the "lowbias32" mixing function, https://github.com/skeeto/hash-prospector. */
static u32 random_word(void)
{
    static u32 counter;
    u32 x = counter += 0x9e3779b9;
    x = (x ^ x >> 16) * 0x21f0aaad;
    x = (x ^ x >> 15) * 0x735a2d97;
    return x ^ x >> 15;
}

s32 sys_getrandom(struct thread *t)
{
    enum { MOST = 1 << 20 };
    u32 user = argument(t, 0), size = argument(t, 1);
    if (size > MOST)
        size = MOST;
    if (size != 0 && !is_user_range(user, size))
        return -EFAULT;
    u32 done = 0;
    if (user % 4 == 0)
        for (; done + 4 <= size; done += 4)
            *(u32 *)(user + done) = random_word();
    for (; done < size; done++)
        *(u8 *)(user + done) = random_word();
    return size;
}

/* ---- limits ----------------------------------------------------------------------------------- */

enum { RLIMIT_STACK = 3, RLIMIT_NOFILE = 5, RLIMITS = 16, STACK_SIZE = 8 << 20 };

#define NARROW_INFINITY 0x7fffffffu
#define NO_LIMIT ~0u

static u32 limit_of(u32 resource)
{
    switch (resource) {
    case RLIMIT_STACK:
        return STACK_SIZE;
    case RLIMIT_NOFILE:
        return DESCRIPTORS;
    default:
        return NO_LIMIT;
    }
}

s32 sys_getrlimit(struct thread *t)
{
    u32 resource = argument(t, 0), user = argument(t, 1);
    if (resource >= RLIMITS)
        return -EINVAL;
    if (!are_user_words(user, 8))
        return -EFAULT;
    u32 limit = limit_of(resource), *words = (u32 *)user;
    words[0] = words[1] = limit == NO_LIMIT ? NARROW_INFINITY : limit;
    return 0;
}

s32 sys_setrlimit(struct thread *t)
{
    return argument(t, 0) < RLIMITS ? -EPERM : -EINVAL;
}

s32 sys_prlimit64(struct thread *t)
{
    u32 pid = argument(t, 0), resource = argument(t, 1), old = argument(t, 3);
    if (pid != 0 && pid != PROCESS_ID)
        return -ESRCH;
    if (resource >= RLIMITS)
        return -EINVAL;
    if (argument(t, 2))
        return -EPERM;
    if (old) {
        if (!are_user_words(old, 16))
            return -EFAULT;
        u32 limit = limit_of(resource), high = limit == NO_LIMIT ? ~0u : 0, *words = (u32 *)old;
        words[0] = words[2] = high;
        words[1] = words[3] = limit;
    }
    return 0;
}
