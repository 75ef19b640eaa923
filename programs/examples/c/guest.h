/* A program's view of the machine: one 32-byte word in, one out, and preimages.
 *
 * The descriptors are those of the guest kernel. A native run gets the same ones from a harness, so
 * one source serves both. Whatever goes wrong is reported on stderr, and the program exits with
 * code 1. */
#ifndef GUEST_H
#define GUEST_H

#include <stddef.h>
#include <stdint.h>

enum { WORD = 32, MAX_PREIMAGE = 32 * 1024 };

/* Named in messages; every program defines it. */
extern const char program_name[];

/* Reads the word that the program computes on. */
void guest_input(uint8_t word[WORD]);

/* Sets the word that the program returns if it exits with code 0. */
void guest_output(const uint8_t word[WORD]);

/* Tells the host what will be asked for soon, and waits until it has seen that. */
void guest_hint(const char *hint);

/* Fetches the preimage of a key and returns its length. The host vouches for it: it is not hashed
 * here. */
size_t guest_preimage(const uint8_t key[WORD], uint8_t data[MAX_PREIMAGE]);

/* Reports what went wrong with a key, or with nothing in particular (NULL), and exits. */
_Noreturn void guest_fail(const char *what, const uint8_t *key);

/* Prints a word in hexadecimal on stdout. */
void guest_print_word(const uint8_t word[WORD]);

#endif
