// The preimage protocol in pieces of every size, at every alignment.
#include <sys/uio.h>

#include "guest.h"

static void exactly(int descriptor, u8 *buffer, u32 size)
{
    for (u32 done = 0; done < size;) {
        long part = read(descriptor, buffer + done, size - done);
        CHECK(part > 0);
        done += part;
    }
}

static void in_pieces(int descriptor, const u8 *data, u32 size, u32 piece)
{
    for (u32 done = 0; done < size;) {
        long part = write(descriptor, data + done, size - done < piece ? size - done : piece);
        CHECK(part > 0);
        done += part;
    }
}

static u32 ask(const u8 key[32], u32 piece)
{
    u8 prefix[8];
    in_pieces(6, key, 32, piece);
    exactly(5, prefix, piece % 8 + 1);
    if (piece % 8 != 7)
        exactly(5, prefix + piece % 8 + 1, 7 - piece % 8);
    for (u32 i = 0; i < 4; i++)
        CHECK(prefix[i] == 0);
    return prefix[4] << 24 | prefix[5] << 16 | prefix[6] << 8 | prefix[7];
}

static _Alignas(32) u8 whole[40000], buffer[40000];

// What a pipe would not do: a new key drops what was not read, and the end is the end of a file.
void abandoned(void)
{
    u8 key[32], prefix[8];
    CHECK(read(5, buffer, 1) == 0);
    read_input(key);
    u32 length = ask(key, 32);
    CHECK(length == 1000);
    exactly(5, buffer, 3);
    in_pieces(6, key, 32, 32);
    CHECK(read(5, prefix, 5) == 5);
    CHECK(write(6, key, 20) == 20 && write(6, key + 20, 50) == 12);
    CHECK(read(5, buffer, sizeof buffer) == 8 + 1000);
    CHECK(buffer[6] == 1000 >> 8 && buffer[7] == (1000 & 0xff));
    CHECK(read(5, prefix, 8) == 0);
    // What comes after a short write stays with the program.
    struct iovec parts[] = {{key, 20}, {key + 20, 20}, {key, 5}};
    CHECK(writev(6, parts, 3) == 32);
    key[0] = 9; // no such type
    CHECK(ask(key, 32) == 0);
    CHECK(read(5, prefix, 8) == 0);
    CHECK(read(3, prefix, 8) == 0);
}

void preimages(void)
{
    u8 key[32], hint[] = {0, 0, 0, 5, 'h', 'e', 'l', 'l', 'o', 0, 0, 0, 0}, byte = 0xff;
    read_input(key);
    u32 length = ask(key, 32);
    CHECK(length < sizeof whole);
    exactly(5, whole, length);

    for (u32 size = 1; size < 100; size += 3)
        for (u32 offset = 0; offset < 32; offset += 5) {
            memset(buffer, 0xee, sizeof buffer);
            CHECK(ask(key, size % 32 + 1) == length);
            // A first piece to shift what follows against the leaves, then the size in question.
            u32 first = offset < length ? offset : length;
            exactly(5, buffer, first);
            u32 rest = length - first < size ? length - first : size;
            if (rest) {
                exactly(5, buffer + 64 + offset, rest);
                CHECK(memcmp(buffer + 64 + offset, whole + first, rest) == 0);
            }
            for (u32 i = first; i < 64 + offset; i++)
                CHECK(buffer[i] == 0xee);
            for (u32 i = 64 + offset + rest; i < 300; i++)
                CHECK(buffer[i] == 0xee);
            exactly(5, buffer, length - first - rest);
        }

    for (u32 piece = 1; piece < 14; piece++) {
        in_pieces(4, hint, sizeof hint, piece);
        CHECK(read(3, &byte, 1) == 1 && byte == 0);
        CHECK(read(3, &byte, 1) == 1 && byte == 0);
    }
    u32 sum = 0;
    for (u32 i = 0; i < length; i++)
        sum = sum * 31 + whole[i];
    printf("%u bytes, sum %08x\n", (unsigned)length, (unsigned)sum);
}
