/* Descriptors 3 to 6: the preimage and hint protocol of the OP stack, as its pipes would behave.
 *
 * Preimages: a key of 32 bytes is written to 6; then 5 gives the preimage's length, 8 bytes, and the
 * preimage. Hints: 4 bytes of length and the hint are written to 4; then 3 gives one byte. Each may
 * be read and written in pieces of any size. */
#include "kernel.h"

enum { LENGTH_BYTES = 8, HINT_LENGTH_BYTES = 4 };

/* ---- hints ------------------------------------------------------------------------------------ */

/* The hint being written: the length bytes seen, the length, and how much of the hint is missing. */
static u32 hint_length_bytes, hint_length;
/* Hints that are complete and have not been acknowledged. */
static u32 hints_complete;

static void hint_end(void)
{
    hints_complete++;
    hint_length_bytes = hint_length = 0;
}

/* The host gets the bytes as they come; here they are only counted, to know what to acknowledge. */
s32 hint_write(u32 user, u32 size)
{
    const u8 *next = (const u8 *)user, *end = next + size;
    vm_write(CHANNEL_HINT, next, size);
    while (next != end) {
        if (hint_length_bytes < HINT_LENGTH_BYTES) {
            hint_length = hint_length << 8 | *next++;
            hint_length_bytes++;
        } else {
            u32 part = (u32)(end - next) < hint_length ? (u32)(end - next) : hint_length;
            next += part;
            hint_length -= part;
        }
        if (hint_length_bytes == HINT_LENGTH_BYTES && hint_length == 0)
            hint_end();
    }
    return size;
}

s32 hint_read(u32 user, u32 size)
{
    u32 count = size < hints_complete ? size : hints_complete;
    memset((void *)user, 0, count);
    hints_complete -= count;
    return count;
}

/* ---- preimages -------------------------------------------------------------------------------- */

static struct leaf key;
static u32 key_bytes; /* how much of the next key has been written */

static bool is_selected;    /* there is a preimage to read */
static bool length_is_known;
static u32 length, position; /* position counts the length bytes too */

/* Where the last part of a read goes if it ends inside a leaf: the VM writes up to its end. */
static struct leaf bounce;

s32 preimage_write(u32 user, u32 size)
{
    u32 part = size < LEAF - key_bytes ? size : LEAF - key_bytes;
    memcpy(key.bytes + key_bytes, (const void *)user, part);
    key_bytes += part;
    if (key_bytes == LEAF) {
        vm_oracle_key(&key);
        key_bytes = 0;
        is_selected = true;
        length_is_known = false;
        position = 0;
    }
    return part;
}

static u32 read_length(u32 user, u32 size)
{
    u8 bytes[LENGTH_BYTES] = {0, 0, 0, 0, length >> 24, length >> 16, length >> 8, length};
    u32 part = size < LENGTH_BYTES - position ? size : LENGTH_BYTES - position;
    memcpy((void *)user, bytes + position, part);
    position += part;
    return part;
}

static u32 read_data(u32 user, u32 size)
{
    u32 offset = position - LENGTH_BYTES, left = length - offset;
    u32 part = size < left ? size : left;
    /* Whole leaves, and the end of the preimage wherever it falls, go straight to the program. */
    u32 end = user + part, direct_end = part == left ? end : end & ~(LEAF - 1);
    if (direct_end > user) {
        vm_oracle_copy(user, offset, direct_end);
        offset += direct_end - user;
        user = direct_end;
    }
    if (user < end) {
        vm_oracle_read(&bounce, offset);
        memcpy((void *)user, &bounce, end - user);
    }
    position += part;
    return part;
}

s32 preimage_read(u32 user, u32 size)
{
    if (!is_selected)
        return 0;
    if (!length_is_known) {
        length = vm_oracle_read(&bounce, 0);
        length_is_known = true;
    }
    u32 count = 0;
    if (position < LENGTH_BYTES)
        count = read_length(user, size);
    if (count < size && position - LENGTH_BYTES < length)
        count += read_data(user + count, size - count);
    return count;
}
