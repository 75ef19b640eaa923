// Threads of the C library, and the calls below them.
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>

#include "guest.h"

enum { MANY = 300 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static u32 waiting, go, finished;
static _Thread_local u32 mine;

static void *wait_for_all(void *argument)
{
    mine = (u32)argument;
    pthread_mutex_lock(&mutex);
    waiting++;
    while (!go)
        pthread_cond_wait(&condition, &mutex);
    finished++;
    pthread_mutex_unlock(&mutex);
    errno = mine;
    sched_yield();
    CHECK(mine == (u32)argument && errno == (int)mine);
    return argument;
}

static struct timespec after(clockid_t clock, long milliseconds)
{
    struct timespec t;
    CHECK(clock_gettime(clock, &t) == 0);
    t.tv_nsec += milliseconds % 1000 * 1000000;
    t.tv_sec += milliseconds / 1000 + t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    return t;
}

void threads(void)
{
    pthread_t thread[MANY];
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 16384);
    mine = 12345;
    for (u32 i = 0; i < MANY; i++)
        CHECK(pthread_create(&thread[i], &attributes, wait_for_all, (void *)(i + 1)) == 0);
    while (waiting < MANY)
        sched_yield();
    CHECK(finished == 0);
    pthread_mutex_lock(&mutex);
    go = 1;
    pthread_cond_broadcast(&condition);
    pthread_mutex_unlock(&mutex);
    for (u32 i = 0; i < MANY; i++) {
        void *result;
        CHECK(pthread_join(thread[i], &result) == 0 && (u32)result == i + 1);
    }
    CHECK(finished == MANY && mine == 12345);

    // Waiting with a deadline, relative and absolute underneath.
    struct timespec deadline = after(CLOCK_REALTIME, 50), now;
    pthread_mutex_lock(&mutex);
    CHECK(pthread_cond_timedwait(&condition, &mutex, &deadline) == ETIMEDOUT);
    pthread_mutex_unlock(&mutex);
    CHECK(clock_gettime(CLOCK_REALTIME, &now) == 0);
    CHECK(now.tv_sec > deadline.tv_sec ||
          (now.tv_sec == deadline.tv_sec && now.tv_nsec >= deadline.tv_nsec));
    sem_t semaphore;
    sem_init(&semaphore, 0, 1);
    CHECK(sem_timedwait(&semaphore, &deadline) == 0);
    FAILS(ETIMEDOUT, sem_timedwait(&semaphore, &deadline));
}

static void *sleep_on_mutex(void *)
{
    pthread_mutex_lock(&mutex);
    pthread_mutex_unlock(&mutex);
    return NULL;
}

void thread_limit(void)
{
    enum { TOO_MANY = 600 };
    static pthread_t thread[TOO_MANY];
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 4096);
    for (u32 round = 0; round < 2; round++) {
        u32 count = 0;
        pthread_mutex_lock(&mutex);
        while (pthread_create(&thread[count], &attributes, sleep_on_mutex, NULL) == 0)
            CHECK(++count < TOO_MANY);
        CHECK(count == 511);
        pthread_mutex_unlock(&mutex);
        while (count > 0)
            CHECK(pthread_join(thread[--count], NULL) == 0);
    }
}

static void *outlive_main(void *)
{
    struct timespec t = {0, 1000000};
    CHECK(nanosleep(&t, NULL) == 0);
    puts("last");
    fflush(stdout);
    return NULL;
}

void last_thread(void)
{
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, outlive_main, NULL) == 0);
    puts("first");
    // The exit code is the first thread's.
    fflush(stdout);
    syscall(SYS_exit, 5);
}

// ---- futexes -------------------------------------------------------------------------------------

static volatile u32 word_a, word_b;
static volatile u32 woken;

static long futex(volatile u32 *word, int operation, u32 value, void *timeout, volatile u32 *other,
                  u32 last)
{
    return syscall(SYS_futex, word, operation, value, timeout, other, last);
}

static void *wait_a(void *mask)
{
    CHECK(futex(&word_a, FUTEX_WAIT_BITSET, 0, NULL, NULL, (u32)mask) == 0);
    woken |= (u32)mask;
    return NULL;
}

static void settle(void)
{
    for (u32 i = 0; i < 20; i++)
        sched_yield();
}

void futexes(void)
{
    FAILS(EAGAIN, futex(&word_a, FUTEX_WAIT, 1, NULL, NULL, 0));
    FAILS(EINVAL, futex((u32 *)((u32)&word_a + 2), FUTEX_WAIT, 0, NULL, NULL, 0));
    FAILS(EFAULT, futex(NULL, FUTEX_WAIT, 0, NULL, NULL, 0));
    FAILS(EFAULT, futex((u32 *)0x80000000, FUTEX_WAKE, 1, NULL, NULL, 0));
    FAILS(EINVAL, futex(&word_a, FUTEX_WAKE_BITSET, 1, NULL, NULL, 0));
    long bad_time[] = {0, 1000000000}, negative[] = {-1, 0}, past[] = {0, 1}, soon[] = {0, 1000};
    FAILS(EINVAL, futex(&word_a, FUTEX_WAIT, 0, bad_time, NULL, 0));
    FAILS(EINVAL, futex(&word_a, FUTEX_WAIT, 0, negative, NULL, 0));
    FAILS(EFAULT, futex(&word_a, FUTEX_WAIT, 0, (void *)4, NULL, 0));
    FAILS(ETIMEDOUT, futex(&word_a, FUTEX_WAIT, 0, soon, NULL, 0));
    FAILS(ETIMEDOUT, futex(&word_a, FUTEX_WAIT_BITSET, 0, past, NULL, 1));
    FAILS(ETIMEDOUT, futex(&word_a, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, past, NULL, 1));
    FAILS(ENOSYS, futex(&word_a, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
    CHECK(futex(&word_a, FUTEX_WAKE, 1, NULL, NULL, 0) == 0);

    // Both places of the nanoseconds in a 64-bit timespec, Linux's and the Go runtime's.
    u32 linux_layout[] = {0, 0, 0, 1000}, go_layout[] = {0, 0, 1000, 0}, neither[] = {0, 0, 1, 1};
    FAILS(ETIMEDOUT, syscall(SYS_futex_time64, &word_a, FUTEX_WAIT, 0, linux_layout, 0, 0));
    FAILS(ETIMEDOUT, syscall(SYS_futex_time64, &word_a, FUTEX_WAIT, 0, go_layout, 0, 0));
    FAILS(EINVAL, syscall(SYS_futex_time64, &word_a, FUTEX_WAIT, 0, neither, 0, 0));

    pthread_t thread[3];
    for (u32 i = 0; i < 3; i++)
        CHECK(pthread_create(&thread[i], NULL, wait_a, (void *)(1u << i)) == 0);
    settle();
    CHECK(futex(&word_a, FUTEX_WAKE_BITSET, 9, NULL, NULL, 8) == 0);
    CHECK(futex(&word_a, FUTEX_WAKE_BITSET, 9, NULL, NULL, 2) == 1);
    settle();
    CHECK(woken == 2);
    // Wake none, move one.
    FAILS(EAGAIN, futex(&word_a, FUTEX_CMP_REQUEUE, 0, (void *)1, &word_b, 77));
    CHECK(futex(&word_a, FUTEX_CMP_REQUEUE, 0, (void *)1, &word_b, 0) == 1);
    CHECK(futex(&word_b, FUTEX_WAKE, 9, NULL, NULL, 0) == 1);
    settle();
    CHECK(woken == 3);
    CHECK(futex(&word_a, FUTEX_REQUEUE, 1, (void *)9, &word_b, 0) == 1);
    for (u32 i = 0; i < 3; i++)
        CHECK(pthread_join(thread[i], NULL) == 0);
    CHECK(woken == 7);
}

// ---- epoll and event counters --------------------------------------------------------------------

static int event, poller;

static void *wait_for_event(void *)
{
    struct epoll_event got[4];
    CHECK(epoll_wait(poller, got, 4, -1) == 1);
    CHECK(got[0].events == EPOLLIN && got[0].data.u64 == 0x123456789abcdef0);
    u64 count;
    CHECK(read(event, &count, 8) == 8 && count == 5);
    return NULL;
}

void polling(void)
{
    struct epoll_event interest = {EPOLLIN, {.u64 = 0x123456789abcdef0}}, got[4];
    event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    poller = epoll_create1(EPOLL_CLOEXEC);
    CHECK(event > 8 && poller > event);
    FAILS(EPERM, epoll_ctl(poller, EPOLL_CTL_ADD, 0, &interest));
    FAILS(EBADF, epoll_ctl(poller, EPOLL_CTL_ADD, 60, &interest));
    FAILS(EINVAL, epoll_ctl(event, EPOLL_CTL_ADD, event, &interest));
    FAILS(ENOENT, epoll_ctl(poller, EPOLL_CTL_DEL, event, NULL));
    FAILS(ENOENT, epoll_ctl(poller, EPOLL_CTL_MOD, event, &interest));
    FAILS(EFAULT, epoll_ctl(poller, EPOLL_CTL_ADD, event, (void *)8));
    CHECK(epoll_ctl(poller, EPOLL_CTL_ADD, event, &interest) == 0);
    FAILS(EEXIST, epoll_ctl(poller, EPOLL_CTL_ADD, event, &interest));
    FAILS(EINVAL, epoll_wait(poller, got, 0, 0));
    FAILS(EFAULT, epoll_wait(poller, (void *)0x7ffffff8, 4, 0));
    CHECK(epoll_wait(poller, got, 4, 0) == 0);

    struct timespec before, now;
    clock_gettime(CLOCK_MONOTONIC, &before);
    CHECK(epoll_wait(poller, got, 4, 250) == 0);
    clock_gettime(CLOCK_MONOTONIC, &now);
    long passed = (now.tv_sec - before.tv_sec) * 1000 + (now.tv_nsec - before.tv_nsec) / 1000000;
    CHECK(passed >= 249 && passed < 1000);

    u64 count = 2, most = ~0ull - 1;
    FAILS(EAGAIN, read(event, &count, 8));
    FAILS(EINVAL, read(event, &count, 7));
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, wait_for_event, NULL) == 0);
    struct timespec moment = {0, 1000000};
    nanosleep(&moment, NULL);
    count = 5;
    CHECK(write(event, &count, 8) == 8);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(epoll_wait(poller, got, 4, 0) == 0);

    CHECK(write(event, &most, 8) == 8);
    FAILS(EAGAIN, write(event, &count, 8));
    CHECK(epoll_wait(poller, got, 4, -1) == 1);
    CHECK(close(event) == 0);
    CHECK(epoll_wait(poller, got, 4, 0) == 0);
    event = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK);
    CHECK(read(event, &count, 8) == 8 && count == 1);
    CHECK(read(event, &count, 8) == 8 && count == 1);
    FAILS(EAGAIN, read(event, &count, 8));
}
