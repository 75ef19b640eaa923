/* Event counters (eventfd) and epoll, which waits for them. Nothing else can become ready: reads
 * and writes of the other descriptors never wait. */
#include "kernel.h"

enum { INTERESTS = DESCRIPTORS };

/* What an epoll descriptor is to report about an event counter. */
struct interest {
    bool used;
    u32 poller, number, events, data[2];
};

static struct interest interests[INTERESTS];
static struct link waiting; /* threads in epoll_wait */

static const u64 FULL = ~0ull - 1;

void poll_init(void)
{
    list_init(&waiting);
}

/* ---- epoll ------------------------------------------------------------------------------------ */

static struct interest *interest_find(u32 poller, u32 number)
{
    for (u32 i = 0; i < INTERESTS; i++)
        if (interests[i].used && interests[i].poller == poller && interests[i].number == number)
            return &interests[i];
    return NULL;
}

static struct interest *interest_new(void)
{
    for (u32 i = 0; i < INTERESTS; i++)
        if (!interests[i].used)
            return &interests[i];
    return NULL;
}

void poll_forget(u32 number)
{
    for (u32 i = 0; i < INTERESTS; i++)
        if (interests[i].poller == number || interests[i].number == number)
            interests[i].used = false;
}

static u32 ready_events(const struct interest *interest)
{
    const struct descriptor *d = descriptor_find(interest->number);
    u32 ready = (d->count > 0 ? EPOLLIN : 0) | (d->count < FULL ? EPOLLOUT : 0);
    return ready & interest->events;
}

/* Reports what is ready for the epoll_wait that t makes. Returns how many. */
static u32 report(const struct thread *t)
{
    struct epoll_event *event = (struct epoll_event *)argument(t, 1);
    u32 count = 0;
    for (u32 i = 0; i < INTERESTS && count < argument(t, 2); i++) {
        const struct interest *interest = &interests[i];
        if (!interest->used || interest->poller != argument(t, 0))
            continue;
        u32 ready = ready_events(interest);
        if (ready)
            event[count++] = (struct epoll_event){
                .events = ready, .data = {interest->data[0], interest->data[1]}};
    }
    return count;
}

/* An event counter has changed: answers those who have waited for that. */
static void wake_ready(void)
{
    struct link *next;
    for (struct link *place = waiting.next; place != &waiting; place = next) {
        struct thread *t = member_of(place, struct thread, queue);
        next = place->next;
        u32 count = report(t);
        if (count) {
            set_result(t, count);
            thread_wake(t);
        }
    }
}

s32 sys_epoll_create1(struct thread *)
{
    return descriptor_open(POLLER);
}

s32 sys_epoll_ctl(struct thread *t)
{
    u32 poller = argument(t, 0), operation = argument(t, 1), number = argument(t, 2);
    u32 user = argument(t, 3);
    struct descriptor *p = descriptor_find(poller), *d = descriptor_find(number);
    if (!p || !d)
        return -EBADF;
    if (p->kind != POLLER)
        return -EINVAL;
    if (d->kind != EVENT)
        return -EPERM;
    struct interest *interest = interest_find(poller, number);
    if (operation == EPOLL_CTL_DEL) {
        if (!interest)
            return -ENOENT;
        interest->used = false;
        return 0;
    }
    if (!are_user_words(user, sizeof(struct epoll_event)))
        return -EFAULT;
    if (operation == EPOLL_CTL_ADD) {
        if (interest)
            return -EEXIST;
        interest = interest_new();
        if (!interest)
            return -ENOSPC;
    } else if (operation != EPOLL_CTL_MOD) {
        return -EINVAL;
    }
    if (!interest)
        return -ENOENT;
    const struct epoll_event *event = (const struct epoll_event *)user;
    *interest = (struct interest){
        true, poller, number, event->events, {event->data[0], event->data[1]}};
    wake_ready();
    return 0;
}

/* epoll_wait, and epoll_pwait, whose signal mask is not looked at. */
s32 sys_epoll_wait(struct thread *t)
{
    struct descriptor *p = descriptor_find(argument(t, 0));
    u32 user = argument(t, 1), capacity = argument(t, 2);
    s32 milliseconds = argument(t, 3);
    if (!p)
        return -EBADF;
    if (p->kind != POLLER || (s32)capacity <= 0)
        return -EINVAL;
    if (capacity > INTERESTS)
        capacity = INTERESTS;
    if (!are_user_words(user, capacity * sizeof(struct epoll_event)))
        return -EFAULT;
    u32 count = report(t);
    if (count || milliseconds == 0)
        return count;
    struct time deadline;
    if (milliseconds > 0)
        deadline = time_add(now, (struct time){milliseconds / 1000, milliseconds % 1000 * 1000000});
    thread_block(t, &waiting, milliseconds > 0 ? &deadline : NULL, 0);
    return 0;
}

/* ---- event counters --------------------------------------------------------------------------- */

/* They never wait: a counter that cannot be read or written now is EAGAIN, EFD_NONBLOCK or not. */
s32 sys_eventfd2(struct thread *t)
{
    s32 number = descriptor_open(EVENT);
    if (number >= 0) {
        struct descriptor *d = descriptor_find(number);
        d->count = argument(t, 0);
        d->semaphore = argument(t, 1) & EFD_SEMAPHORE;
    }
    return number;
}

s32 event_read(struct descriptor *d, u32 user, u32 size)
{
    if (size < sizeof d->count)
        return -EINVAL;
    if (d->count == 0)
        return -EAGAIN;
    u64 taken = d->semaphore ? 1 : d->count;
    memcpy((void *)user, &taken, sizeof taken);
    d->count -= taken;
    wake_ready();
    return sizeof taken;
}

s32 event_write(struct descriptor *d, u32 user, u32 size)
{
    u64 added;
    if (size < sizeof added)
        return -EINVAL;
    memcpy(&added, (const void *)user, sizeof added);
    if (added > FULL)
        return -EINVAL;
    if (added > FULL - d->count)
        return -EAGAIN;
    d->count += added;
    wake_ready();
    return sizeof added;
}
