#include "guest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    HINT_READ = 3,
    HINT_WRITE = 4,
    PREIMAGE_READ = 5,
    PREIMAGE_WRITE = 6,
    INPUT = 7,
    OUTPUT = 8,
};

static void write_hex(FILE *file, const uint8_t word[WORD])
{
    for (int i = 0; i < WORD; i++)
        fprintf(file, "%02x", word[i]);
}

void guest_print_word(const uint8_t word[WORD])
{
    write_hex(stdout, word);
}

_Noreturn void guest_fail(const char *what, const uint8_t *key)
{
    fprintf(stderr, "%s: ", program_name);
    if (key) {
        write_hex(stderr, key);
        fputs(": ", stderr);
    }
    fprintf(stderr, "%s\n", what);
    exit(1);
}

static void read_all(int fd, uint8_t *data, size_t length, const char *what)
{
    while (length > 0) {
        ssize_t count = read(fd, data, length);
        if (count <= 0)
            guest_fail(what, NULL);
        data += count;
        length -= count;
    }
}

static void write_all(int fd, const void *data, size_t length, const char *what)
{
    const uint8_t *rest = data;
    while (length > 0) {
        ssize_t count = write(fd, rest, length);
        if (count <= 0)
            guest_fail(what, NULL);
        rest += count;
        length -= count;
    }
}

void guest_input(uint8_t word[WORD])
{
    read_all(INPUT, word, WORD, "no input word");
}

void guest_output(const uint8_t word[WORD])
{
    write_all(OUTPUT, word, WORD, "the output word was refused");
}

void guest_hint(const char *hint)
{
    size_t length = strlen(hint);
    uint8_t header[4] = {length >> 24, length >> 16, length >> 8, length};
    uint8_t ack;
    write_all(HINT_WRITE, header, sizeof header, "the hint was refused");
    write_all(HINT_WRITE, hint, length, "the hint was refused");
    read_all(HINT_READ, &ack, 1, "the hint was not acknowledged");
}

size_t guest_preimage(const uint8_t key[WORD], uint8_t data[MAX_PREIMAGE])
{
    write_all(PREIMAGE_WRITE, key, WORD, "the key was refused");

    uint8_t header[8];
    read_all(PREIMAGE_READ, header, sizeof header, "no length came back for the key");
    uint64_t length = 0;
    for (size_t i = 0; i < sizeof header; i++)
        length = length << 8 | header[i];
    if (length > MAX_PREIMAGE)
        guest_fail("the preimage is too long", key);
    read_all(PREIMAGE_READ, data, length, "the preimage ends too early");
    return length;
}
