/* Threads: their blocks, who runs next, clone and exit.
 *
 * One thread runs at a time, and it leaves the processor only inside the kernel: when it waits,
 * yields, or has entered the kernel SHARE times while others were ready. Every queue is first in,
 * first out. So who runs when follows from the program alone. */
#include "kernel.h"

enum { SHARE = 32 };

/* Thread ids end here: musl keeps flags above them. */
#define ID_LIMIT (1u << 29)

static struct thread threads[MAX_THREADS];
static u32 threads_used;  /* blocks from this one on have never been used */
static u32 threads_alive;
static u32 exit_code_of_first;

/* Blocks of threads that are gone; threads that are ready; threads with a deadline, earliest first.
 */
static struct link gone = {&gone, &gone};
static struct link ready = {&ready, &ready};
static struct link timers = {&timers, &timers};

u32 entries_left = SHARE;

/* ---- blocks ----------------------------------------------------------------------------------- */

/* Ids are not used twice soon: one id in MAX_THREADS belongs to each block. */
static struct thread *block_take(void)
{
    struct thread *t;
    if (!list_is_empty(&gone)) {
        t = member_of(gone.next, struct thread, queue);
        list_remove(&t->queue);
        t->id += MAX_THREADS;
        if (t->id >= ID_LIMIT)
            t->id = t - threads + 1;
    } else if (threads_used < MAX_THREADS) {
        t = &threads[threads_used++];
        t->id = threads_used;
    } else {
        return NULL;
    }
    threads_alive++;
    return t;
}

struct thread *thread_find(u32 id)
{
    struct thread *t = &threads[(id - 1) % MAX_THREADS];
    return t->id == id && t->state != FREE ? t : NULL;
}

void threads_init(u32 entry, u32 stack_pointer)
{
    struct thread *t = block_take();
    t->state = RUNNABLE;
    t->pc = entry;
    t->registers[SP] = stack_pointer;
}

struct thread *thread_accepting(struct thread *t, u32 signal)
{
    u32 word = (signal - 1) / 32, bit = 1u << (signal - 1) % 32;
    if (!(t->blocked.words[word] & bit))
        return t;
    for (u32 i = 0; i < threads_used; i++)
        if (threads[i].state != FREE && !(threads[i].blocked.words[word] & bit))
            return &threads[i];
    return t;
}

/* ---- waiting and waking ----------------------------------------------------------------------- */

static void timer_start(struct thread *t, struct time deadline)
{
    struct link *place = &timers;
    while (place->previous != &timers &&
           is_before(deadline, member_of(place->previous, struct thread, timer)->deadline))
        place = place->previous;
    list_insert_before(place, &t->timer);
    t->deadline = deadline;
    t->has_deadline = true;
}

void thread_block(struct thread *t, struct link *queue, const struct time *deadline, s32 late)
{
    t->state = WAITING;
    t->remainder = 0;
    list_append(queue, &t->queue);
    if (deadline) {
        t->timeout_result = late;
        timer_start(t, *deadline);
    }
}

void thread_wake(struct thread *t)
{
    list_remove(&t->queue);
    if (t->has_deadline) {
        list_remove(&t->timer);
        t->has_deadline = false;
    }
    t->state = RUNNABLE;
    list_append(&ready, &t->queue);
}

static struct thread *first_timer(void)
{
    return member_of(timers.next, struct thread, timer);
}

static void wake_late(void)
{
    while (!list_is_empty(&timers) && !is_before(now, first_timer()->deadline)) {
        struct thread *t = first_timer();
        set_result(t, t->timeout_result);
        thread_wake(t);
    }
}

/* ---- who runs --------------------------------------------------------------------------------- */

[[noreturn]] static void deadlock(void)
{
    struct message m;
    message_start(&m);
    message_text(&m, "deadlock: no thread of ");
    message_number(&m, threads_alive);
    message_text(&m, " can ever run again");
    message_send(&m);
    program_exit(EXIT_DEADLOCK);
}

struct thread *schedule(struct thread *t)
{
    bool goes_on = t->state == RUNNABLE; /* asked first: its own deadline may be over already */
    wake_late();
    if (goes_on)
        list_append(&ready, &t->queue);
    if (list_is_empty(&ready)) {
        if (list_is_empty(&timers) || first_timer()->deadline.seconds >= FOREVER)
            deadlock();
        now = first_timer()->deadline;
        wake_late();
    }
    struct thread *next = member_of(ready.next, struct thread, queue);
    list_remove(&next->queue);
    entries_left = SHARE;
    return next;
}

s32 sys_sched_yield(struct thread *)
{
    entries_left = 1;
    return 0;
}

/* ---- clone and exit --------------------------------------------------------------------------- */

s32 sys_clone(struct thread *t)
{
    /* A thread, not a process: there is one address space. */
    const u32 needed = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD;
    u32 flags = argument(t, 0), stack = argument(t, 1), parent_id = argument(t, 2);
    u32 local_storage = argument(t, 3), child_id = 0;
    if ((flags & needed) != needed)
        return -ENOSYS;
    if (flags & CLONE_PARENT_SETTID && !are_user_words(parent_id, 4))
        return -EFAULT;
    if (flags & (CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID)) {
        s32 error = stack_argument(t, 4, &child_id);
        if (error)
            return error;
        if (!are_user_words(child_id, 4))
            return -EFAULT;
    }
    struct thread *child = block_take();
    if (!child)
        return -EAGAIN;

    u32 id = child->id;
    *child = *t;
    child->id = id;
    child->clear_id = flags & CLONE_CHILD_CLEARTID ? child_id : 0;
    child->pending = (struct signal_set){};
    child->signals_due = false;
    child->signal_stack = (struct signal_stack){};
    if (stack)
        child->registers[SP] = stack;
    if (flags & CLONE_SETTLS)
        child->local_storage = local_storage;
    if (flags & CLONE_PARENT_SETTID)
        *(u32 *)parent_id = id;
    if (flags & CLONE_CHILD_SETTID)
        *(u32 *)child_id = id;
    set_result(child, 0);
    list_append(&ready, &child->queue);
    return id;
}

s32 sys_exit(struct thread *t)
{
    if (t->id == 1)
        exit_code_of_first = argument(t, 0);
    if (t->clear_id) {
        *(u32 *)t->clear_id = 0;
        futex_wake(t->clear_id, 1, ~0u);
    }
    t->state = FREE;
    list_append(&gone, &t->queue);
    if (--threads_alive == 0)
        program_exit(exit_code_of_first);
    return 0;
}

s32 sys_exit_group(struct thread *t)
{
    program_exit(argument(t, 0));
}

s32 sys_gettid(struct thread *t)
{
    return t->id;
}

s32 sys_set_tid_address(struct thread *t)
{
    u32 address = argument(t, 0);
    t->clear_id = are_user_words(address, 4) ? address : 0;
    return t->id;
}

s32 sys_set_thread_area(struct thread *t)
{
    t->local_storage = argument(t, 0);
    return 0;
}
