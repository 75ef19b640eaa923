/* The VM calls: docs/vm.md, "VM calls". */
#pragma once

#include <stdint.h>

enum { CHANNEL_OUT = 1, CHANNEL_ERROR = 2, CHANNEL_HINT = 3 };

#define LEAF 32

/* A leaf of memory: what most VM calls work on. */
struct leaf {
    _Alignas(LEAF) uint8_t bytes[LEAF];
};

[[noreturn]] static inline void vm_halt(uint32_t exit_code, const struct leaf *output)
{
    register uint32_t a0 __asm__("$4") = exit_code;
    register const void *a1 __asm__("$5") = output;
    __asm__ volatile("syscall 1" : : "r"(a0), "r"(a1) : "memory");
    __builtin_unreachable();
}

static inline void vm_input(struct leaf *destination)
{
    register void *a0 __asm__("$4") = destination;
    __asm__ volatile("syscall 2" : : "r"(a0) : "memory");
}

static inline void vm_oracle_key(const struct leaf *key)
{
    register const void *a0 __asm__("$4") = key;
    __asm__ volatile("syscall 3" : : "r"(a0) : "memory");
}

/* Reads up to the end of the destination's leaf. Returns the length of the preimage, 0 if offset is
 * not inside it. */
static inline uint32_t vm_oracle_read(void *destination, uint32_t offset)
{
    register void *a0 __asm__("$4") = destination;
    register uint32_t a1 __asm__("$5") = offset;
    register uint32_t length __asm__("$3");
    __asm__ volatile("syscall 4" : "=r"(length) : "r"(a0), "r"(a1) : "$2", "memory");
    return length;
}

static inline void vm_write(uint32_t channel, const void *data, uint32_t size)
{
    register uint32_t a0 __asm__("$4") = channel;
    register const void *a1 __asm__("$5") = data;
    register uint32_t a2 __asm__("$6") = size;
    __asm__ volatile("syscall 5" : : "r"(a0), "r"(a1), "r"(a2) : "$2", "memory");
}

/* entry.S: fills [address, end) with the preimage from offset on, a leaf a step. The range must end
 * with a leaf or with the preimage, and must not be empty. */
void vm_oracle_copy(uint32_t address, uint32_t offset, uint32_t end);
