// Time: it moves by system calls, and jumps when all threads wait.
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <time.h>

#include "guest.h"

static u64 nanoseconds(clockid_t clock)
{
    struct timespec t;
    CHECK(clock_gettime(clock, &t) == 0 && t.tv_nsec >= 0 && t.tv_nsec < 1000000000);
    return t.tv_sec * 1000000000ull + t.tv_nsec;
}

void clocks(void)
{
    CHECK(nanoseconds(CLOCK_MONOTONIC) > 0);
    for (u32 i = 0; i < 100; i++) {
        u64 before = nanoseconds(CLOCK_MONOTONIC);
        CHECK(nanoseconds(CLOCK_MONOTONIC) - before == 1000);
    }
    struct timespec resolution, left, request = {3600, 5};
    CHECK(clock_getres(CLOCK_MONOTONIC, &resolution) == 0 && resolution.tv_nsec == 1000);
    FAILS(EINVAL, clock_gettime(77, &left));
    FAILS(EFAULT, syscall(SYS_clock_gettime32, CLOCK_MONOTONIC, 3));

    u64 before = nanoseconds(CLOCK_MONOTONIC);
    CHECK(nanosleep(&request, NULL) == 0);
    u64 slept = nanoseconds(CLOCK_MONOTONIC) - before;
    CHECK(slept >= 3600000000005 && slept < 3600000100000);

    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    CHECK(at.tv_sec > 946684800 + 3600 && at.tv_sec < 946684800 + 3700);
    struct timeval of_day;
    CHECK(gettimeofday(&of_day, NULL) == 0 && of_day.tv_sec == at.tv_sec);
    at.tv_sec += 2;
    CHECK(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &at, NULL) == 0);
    CHECK(nanoseconds(CLOCK_REALTIME) >= at.tv_sec * 1000000000ull + at.tv_nsec);
    CHECK(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &at, NULL) == 0); // already past

    request.tv_nsec = 1000000000;
    FAILS(EINVAL, nanosleep(&request, NULL));
    request.tv_sec = -1, request.tv_nsec = 0;
    FAILS(EINVAL, nanosleep(&request, NULL));
    FAILS(EFAULT, syscall(SYS_nanosleep, 0, 0));
}

static void ignore(int) {}

static void *interrupt(void *target)
{
    struct timespec moment = {0, 10000000};
    nanosleep(&moment, NULL);
    CHECK(pthread_kill((pthread_t)target, SIGUSR1) == 0);
    return NULL;
}

// A signal ends a sleep, which says how much is left.
void interrupted(void)
{
    pthread_t thread;
    CHECK(signal(SIGUSR1, ignore) != SIG_ERR);
    CHECK(pthread_create(&thread, NULL, interrupt, (void *)pthread_self()) == 0);
    struct timespec request = {10, 0}, left = {0, 0};
    FAILS(EINTR, nanosleep(&request, &left));
    CHECK(left.tv_sec == 9 && left.tv_nsec > 980000000 && left.tv_nsec <= 990000000);
    CHECK(pthread_join(thread, NULL) == 0);
}

static volatile u32 rang;

static void *ring(void *)
{
    struct timespec t = {0, 300000};
    nanosleep(&t, NULL);
    rang = 1;
    return NULL;
}

// A sleeper whose time has come runs although another thread does nothing but make calls.
void starvation(void)
{
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, ring, NULL) == 0);
    u32 calls = 0;
    while (!rang) {
        syscall(SYS_getppid);
        CHECK(++calls < 1000);
    }
    CHECK(calls > 200);
    CHECK(pthread_join(thread, NULL) == 0);
}
