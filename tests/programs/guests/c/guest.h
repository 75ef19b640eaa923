// What the scenarios of the C guest share.
#pragma once

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

// Ends the program if a condition does not hold.
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            printf("WRONG: %s:%d: %s (errno %d)\n", __FILE_NAME__, __LINE__, #condition, errno);   \
            fflush(stdout);                                                                        \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

// Checks that a call fails with one error.
#define FAILS(error, call) CHECK((errno = 0, (call) == -1 && errno == (error)))

// The input, or the bytes of the second argument where the program has no descriptor 7.
void read_input(u8 input[32]);

// A stream of numbers that the input decides.
void random_seed(void);
u32 random_word(void);
u32 random_below(u32 limit);

typedef void scenario(void);
scenario mappings, refusals, table_limit, heap;
scenario threads, thread_limit, last_thread, futexes, polling;
scenario clocks, interrupted, starvation;
scenario errors, unknown, descriptors, fuzz;
scenario signals, hardware, counters, registers, preimages, abandoned;
scenario die_load, die_store, die_unaligned, die_reserved, die_overflow, die_break, die_divide,
    die_jump, die_odd_jump, die_deadlock, die_abort;
