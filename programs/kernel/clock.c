/* The clock. A proof replays every step, so time can only come from what the program does: each
 * entry into the kernel takes a microsecond, and when every thread waits, the clock jumps to the
 * first deadline (threads.c). */
#include "kernel.h"


struct time now = {1, 0};

struct time time_add(struct time a, struct time b)
{
    struct time sum = {a.seconds + b.seconds, a.nanoseconds + b.nanoseconds};
    if (sum.nanoseconds >= SECOND) {
        sum.nanoseconds -= SECOND;
        sum.seconds++;
    }
    return sum;
}

struct time time_subtract(struct time a, struct time b)
{
    struct time difference = {a.seconds - b.seconds, a.nanoseconds - b.nanoseconds};
    if (a.nanoseconds < b.nanoseconds) {
        difference.nanoseconds += SECOND;
        difference.seconds--;
    }
    return difference;
}

s32 time_read(u32 user, enum width width, struct time *result)
{
    u32 high = 0, seconds, nanoseconds;
    if (!are_user_words(user, width == WIDE ? 16 : 8))
        return -EFAULT;
    const u32 *words = (const u32 *)user;
    if (width == WIDE) {
        high = words[0];
        seconds = words[1];
        /* Linux has a 64-bit number here. The Go runtime has 32 bits and 32 bits of padding, which
         * on a big-endian machine is another number: 2^32 times too large, no valid one. Linux
         * refuses it and the runtime spins; here both layouts mean what their authors meant. */
        nanoseconds = words[2] == 0 ? words[3] : words[3] == 0 ? words[2] : SECOND;
    } else {
        seconds = words[0];
        nanoseconds = words[1];
        high = (s32)seconds < 0 ? ~0u : 0;
    }
    if ((s32)high < 0 || nanoseconds >= SECOND)
        return -EINVAL;
    result->seconds = high != 0 || seconds > FOREVER ? FOREVER : seconds;
    result->nanoseconds = nanoseconds;
    return 0;
}

void time_write(u32 user, enum width width, struct time value)
{
    u32 *words = (u32 *)user;
    if (width == WIDE) {
        words[0] = 0;
        words[1] = value.seconds;
        words[2] = 0;
        words[3] = value.nanoseconds;
    } else {
        words[0] = value.seconds;
        words[1] = value.nanoseconds;
    }
}

static struct time time_of(u32 id)
{
    struct time value = now;
    if (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)
        value.seconds += EPOCH;
    return value;
}

s32 deadline_read(u32 user, enum width width, bool absolute, u32 id, struct time *result)
{
    struct time value;
    s32 error = time_read(user, width, &value);
    if (error)
        return error;
    if (!absolute)
        *result = time_add(now, value);
    else if (is_before(value, time_of(id)))
        *result = now;
    else
        *result = time_add(now, time_subtract(value, time_of(id)));
    return 0;
}

static s32 clock_get(struct thread *t, enum width width)
{
    u32 id = argument(t, 0), user = argument(t, 1);
    if (id > CLOCK_BOOTTIME)
        return -EINVAL;
    if (!are_user_words(user, width == WIDE ? 16 : 8))
        return -EFAULT;
    time_write(user, width, time_of(id));
    return 0;
}

s32 sys_clock_gettime(struct thread *t)
{
    return clock_get(t, NARROW);
}

s32 sys_clock_gettime64(struct thread *t)
{
    return clock_get(t, WIDE);
}

static s32 clock_resolution(struct thread *t, enum width width)
{
    u32 user = argument(t, 1);
    if (argument(t, 0) > CLOCK_BOOTTIME)
        return -EINVAL;
    if (user == 0)
        return 0;
    if (!are_user_words(user, width == WIDE ? 16 : 8))
        return -EFAULT;
    time_write(user, width, (struct time){0, TICK});
    return 0;
}

s32 sys_clock_getres(struct thread *t)
{
    return clock_resolution(t, NARROW);
}

s32 sys_clock_getres_time64(struct thread *t)
{
    return clock_resolution(t, WIDE);
}

s32 sys_gettimeofday(struct thread *t)
{
    u32 user = argument(t, 0);
    if (user == 0)
        return 0;
    if (!are_user_words(user, 8))
        return -EFAULT;
    struct time value = time_of(CLOCK_REALTIME);
    value.nanoseconds /= 1000;
    time_write(user, NARROW, value);
    return 0;
}

/* Only a deadline or a signal wakes those who wait here. */
static struct link sleepers = {&sleepers, &sleepers};

static s32 sleep(struct thread *t, bool absolute, u32 id, u32 request, u32 left, enum width width)
{
    struct time deadline;
    s32 error = deadline_read(request, width, absolute, id, &deadline);
    if (error)
        return error;
    thread_block(t, &sleepers, &deadline, 0);
    if (!absolute && are_user_words(left, width == WIDE ? 16 : 8)) {
        t->remainder = left;
        t->remainder_width = width;
    }
    return 0;
}

/* Until a signal comes. */
s32 sys_pause(struct thread *t)
{
    thread_block(t, &sleepers, NULL, 0);
    return 0;
}

s32 sys_nanosleep(struct thread *t)
{
    return sleep(t, false, 0, argument(t, 0), argument(t, 1), NARROW);
}

static s32 clock_sleep(struct thread *t, enum width width)
{
    u32 id = argument(t, 0);
    if (id > CLOCK_BOOTTIME)
        return -EINVAL;
    bool absolute = argument(t, 1) & TIMER_ABSTIME;
    return sleep(t, absolute, id, argument(t, 2), argument(t, 3), width);
}

s32 sys_clock_nanosleep(struct thread *t)
{
    return clock_sleep(t, NARROW);
}

s32 sys_clock_nanosleep_time64(struct thread *t)
{
    return clock_sleep(t, WIDE);
}
