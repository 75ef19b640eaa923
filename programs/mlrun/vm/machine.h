/* The machine's calls: docs/vm.md, "VM calls". The program makes them itself, past the kernel. */
#pragma once

#include <stdint.h>

/* 32 bytes where the machine can take them: a hash, or a key. */
struct hash {
    _Alignas(32) uint8_t bytes[32];
};

[[noreturn]] static inline void machine_halt(uint32_t exit_code, const struct hash *output)
{
    register uint32_t a0 __asm__("$4") = exit_code;
    register const void *a1 __asm__("$5") = output;
    __asm__ volatile("syscall 1" : : "r"(a0), "r"(a1) : "memory");
    __builtin_unreachable();
}

static inline void machine_input(struct hash *input)
{
    register void *a0 __asm__("$4") = input;
    __asm__ volatile("syscall 2" : : "r"(a0) : "memory");
}

static inline void machine_oracle_key(const struct hash *key)
{
    register const void *a0 __asm__("$4") = key;
    __asm__ volatile("syscall 3" : : "r"(a0) : "memory");
}

/* Reads what the preimage has at an offset, up to the end of the destination's 32 bytes. Returns
 * the preimage's length; 0 if the offset is not inside it. */
static inline uint32_t machine_oracle_read(void *destination, uint32_t offset)
{
    register void *a0 __asm__("$4") = destination;
    register uint32_t a1 __asm__("$5") = offset;
    register uint32_t length __asm__("$3");
    __asm__ volatile("syscall 4" : "=r"(length) : "r"(a0), "r"(a1) : "$2", "memory");
    return length;
}
