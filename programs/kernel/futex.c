/* Futexes: waiting for a word of memory to change. Waiters are hashed by the word's address and
 * leave in the order in which they came. */
#include "kernel.h"

enum { BUCKET_BITS = 6, BUCKETS = 1 << BUCKET_BITS };

static struct link buckets[BUCKETS];

void futex_init(void)
{
    for (u32 i = 0; i < BUCKETS; i++)
        list_init(&buckets[i]);
}

static struct link *bucket_of(u32 address)
{
    /* Fibonacci hashing: allocators place like words at like distances. */
    return &buckets[address * 0x9e3779b1u >> (32 - BUCKET_BITS)];
}

static s32 futex_wait(struct thread *t, u32 address, u32 expected, u32 mask,
                      const struct time *deadline)
{
    if (*(volatile u32 *)address != expected)
        return -EAGAIN;
    t->futex = address;
    t->futex_mask = mask;
    thread_block(t, bucket_of(address), deadline, -ETIMEDOUT);
    return 0;
}

/* Wakes up to `wake` waiters that match `mask`, and moves up to `move` others to `target`. Returns
 * how many it woke or moved. */
static u32 futex_release(u32 address, u32 wake, u32 mask, u32 move, u32 target)
{
    struct link *bucket = bucket_of(address), *next;
    u32 woken = 0, moved = 0;
    /* A waiter that is moved within its bucket would be met again at the end: stop there. */
    struct link *last = bucket->previous;
    for (struct link *place = bucket->next; place != bucket; place = next) {
        struct thread *t = member_of(place, struct thread, queue);
        next = place == last ? bucket : place->next;
        if (t->futex != address || !(t->futex_mask & mask))
            continue;
        if (woken < wake) {
            thread_wake(t);
            woken++;
        } else if (moved < move) {
            list_remove(&t->queue);
            list_append(bucket_of(target), &t->queue);
            t->futex = target;
            moved++;
        } else {
            break;
        }
    }
    return woken + moved;
}

u32 futex_wake(u32 address, u32 count, u32 mask)
{
    return futex_release(address, count, mask, 0, 0);
}

static u32 not_negative(u32 count)
{
    return (s32)count < 0 ? 0 : count;
}

static s32 requeue(struct thread *t, u32 address, bool compare)
{
    u32 target, expected;
    s32 error = stack_argument(t, 4, &target);
    if (!error && compare)
        error = stack_argument(t, 5, &expected);
    if (error)
        return error;
    if (!are_user_words(target, 4))
        return -EFAULT;
    if (compare && *(volatile u32 *)address != expected)
        return -EAGAIN;
    u32 wake = not_negative(argument(t, 2)), move = not_negative(argument(t, 3));
    return futex_release(address, wake, ~0u, move, target);
}

static s32 futex(struct thread *t, enum width width)
{
    u32 address = argument(t, 0), operation = argument(t, 1), value = argument(t, 2);
    u32 timeout = argument(t, 3), mask = ~0u;
    u32 command = operation & ~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);
    if (address % 4)
        return -EINVAL;
    if (!are_user_words(address, 4))
        return -EFAULT;

    if (command == FUTEX_WAIT_BITSET || command == FUTEX_WAKE_BITSET) {
        s32 error = stack_argument(t, 5, &mask);
        if (error)
            return error;
        if (mask == 0)
            return -EINVAL;
    }
    switch (command) {
    case FUTEX_WAIT:
    case FUTEX_WAIT_BITSET: {
        struct time deadline;
        u32 id = operation & FUTEX_CLOCK_REALTIME ? CLOCK_REALTIME : CLOCK_BOOTTIME;
        s32 error = 0;
        if (timeout)
            error = deadline_read(timeout, width, command == FUTEX_WAIT_BITSET, id, &deadline);
        return error ? error
                     : futex_wait(t, address, value, mask, timeout ? &deadline : NULL);
    }
    case FUTEX_WAKE:
    case FUTEX_WAKE_BITSET:
        return futex_wake(address, not_negative(value), mask);
    case FUTEX_REQUEUE:
        return requeue(t, address, false);
    case FUTEX_CMP_REQUEUE:
        return requeue(t, address, true);
    default:
        return -ENOSYS;
    }
}

s32 sys_futex(struct thread *t)
{
    return futex(t, NARROW);
}

s32 sys_futex_time64(struct thread *t)
{
    return futex(t, WIDE);
}
