/* Descriptors, and the calls that read and write them. There is no file system. */
#include "kernel.h"

static struct descriptor table[DESCRIPTORS] = {
    [0].kind = STANDARD_INPUT, [1].kind = STANDARD_OUTPUT, [2].kind = STANDARD_ERROR,
    [3].kind = HINT_READ,      [4].kind = HINT_WRITE,      [5].kind = PREIMAGE_READ,
    [6].kind = PREIMAGE_WRITE, [7].kind = INPUT,           [8].kind = OUTPUT,
};

static struct leaf input, output;
static bool have_input;
static u32 input_position, output_position;

/* No call transfers more, as on Linux. */
#define MAX_TRANSFER 0x7ffff000u

struct descriptor *descriptor_find(u32 number)
{
    return number < DESCRIPTORS && table[number].kind != CLOSED ? &table[number] : NULL;
}

s32 descriptor_open(enum descriptor_kind kind)
{
    for (u32 i = 0; i < DESCRIPTORS; i++)
        if (table[i].kind == CLOSED) {
            table[i] = (struct descriptor){.kind = kind};
            return i;
        }
    return -EMFILE;
}

void program_exit(u32 code)
{
    vm_halt(code, &output);
}

/* ---- input and output ------------------------------------------------------------------------- */

static u32 input_read_at(u32 position, u32 user, u32 size)
{
    if (!have_input) {
        vm_input(&input);
        have_input = true;
    }
    u32 left = position < LEAF ? LEAF - position : 0;
    u32 part = size < left ? size : left;
    memcpy((void *)user, input.bytes + position, part);
    return part;
}

static s32 input_read(u32 user, u32 size)
{
    u32 part = input_read_at(input_position, user, size);
    input_position += part;
    return part;
}

static s32 output_write(u32 user, u32 size)
{
    u32 left = LEAF - output_position, part = size < left ? size : left;
    if (left == 0)
        return -ENOSPC;
    memcpy(output.bytes + output_position, (const void *)user, part);
    output_position += part;
    return part;
}

/* ---- read and write --------------------------------------------------------------------------- */

/* The range has been checked, and size is not 0. */
static s32 read_from(struct descriptor *d, u32 user, u32 size)
{
    switch (d->kind) {
    case STANDARD_INPUT:
        return 0;
    case HINT_READ:
        return hint_read(user, size);
    case PREIMAGE_READ:
        return preimage_read(user, size);
    case INPUT:
        return input_read(user, size);
    case EVENT:
        return event_read(d, user, size);
    default:
        return -EBADF;
    }
}

static s32 write_to(struct descriptor *d, u32 user, u32 size)
{
    switch (d->kind) {
    case STANDARD_OUTPUT:
        vm_write(CHANNEL_OUT, (const void *)user, size);
        return size;
    case STANDARD_ERROR:
        vm_write(CHANNEL_ERROR, (const void *)user, size);
        return size;
    case HINT_WRITE:
        return hint_write(user, size);
    case PREIMAGE_WRITE:
        return preimage_write(user, size);
    case OUTPUT:
        return output_write(user, size);
    case EVENT:
        return event_write(d, user, size);
    default:
        return -EBADF;
    }
}

typedef s32 transfer(struct descriptor *d, u32 user, u32 size);

static s32 transfer_one(struct descriptor *d, u32 user, u32 size, transfer *move)
{
    if (size > MAX_TRANSFER)
        size = MAX_TRANSFER;
    if (size != 0 && !is_user_range(user, size))
        return -EFAULT;
    return size == 0 ? 0 : move(d, user, size);
}

static s32 transfer_many(struct thread *t, transfer *move)
{
    struct descriptor *d = descriptor_find(argument(t, 0));
    u32 vector = argument(t, 1), count = argument(t, 2), total = 0;
    if (!d)
        return -EBADF;
    if (count > IOV_MAX)
        return -EINVAL;
    if (count != 0 && !are_user_words(vector, count * sizeof(struct iovec)))
        return -EFAULT;
    const struct iovec *part = (const struct iovec *)vector;
    for (u32 i = 0; i < count; i++) {
        s32 done = transfer_one(d, part[i].base, part[i].size, move);
        if (done < 0)
            return total ? (s32)total : done;
        total += done;
        if ((u32)done < part[i].size || total >= MAX_TRANSFER)
            break;
    }
    return total;
}

s32 sys_read(struct thread *t)
{
    struct descriptor *d = descriptor_find(argument(t, 0));
    return d ? transfer_one(d, argument(t, 1), argument(t, 2), read_from) : -EBADF;
}

s32 sys_write(struct thread *t)
{
    struct descriptor *d = descriptor_find(argument(t, 0));
    return d ? transfer_one(d, argument(t, 1), argument(t, 2), write_to) : -EBADF;
}

s32 sys_readv(struct thread *t)
{
    return transfer_many(t, read_from);
}

s32 sys_writev(struct thread *t)
{
    return transfer_many(t, write_to);
}

/* Only the input has positions. */
s32 sys_pread64(struct thread *t)
{
    struct descriptor *d = descriptor_find(argument(t, 0));
    u32 user = argument(t, 1), size = argument(t, 2), high, low;
    if (!d)
        return -EBADF;
    if (d->kind != INPUT)
        return -ESPIPE;
    s32 error = stack_argument(t, 4, &high);
    if (!error)
        error = stack_argument(t, 5, &low);
    if (error)
        return error;
    if ((s32)high < 0)
        return -EINVAL;
    if (size == 0 || high != 0 || low >= LEAF)
        return 0;
    return is_user_range(user, size) ? (s32)input_read_at(low, user, size) : -EFAULT;
}

/* ---- the rest --------------------------------------------------------------------------------- */

s32 sys_close(struct thread *t)
{
    struct descriptor *d = descriptor_find(argument(t, 0));
    if (!d)
        return -EBADF;
    poll_forget(argument(t, 0));
    d->kind = CLOSED;
    return 0;
}

s32 sys_lseek(struct thread *t)
{
    return descriptor_find(argument(t, 0)) ? -ESPIPE : -EBADF;
}

s32 sys_ioctl(struct thread *t)
{
    return descriptor_find(argument(t, 0)) ? -ENOTTY : -EBADF;
}

s32 sys_dup(struct thread *t)
{
    return descriptor_find(argument(t, 0)) ? -EMFILE : -EBADF;
}

static s32 access_mode(enum descriptor_kind kind)
{
    switch (kind) {
    case STANDARD_INPUT:
    case HINT_READ:
    case PREIMAGE_READ:
    case INPUT:
        return O_RDONLY;
    case EVENT:
        return O_RDWR | O_NONBLOCK;
    case POLLER:
        return O_RDWR;
    default:
        return O_WRONLY;
    }
}

s32 sys_fcntl(struct thread *t)
{
    struct descriptor *d = descriptor_find(argument(t, 0));
    if (!d)
        return -EBADF;
    switch (argument(t, 1)) {
    case F_GETFD:
    case F_SETFD:
    case F_SETFL:
        return 0;
    case F_GETFL:
        return access_mode(d->kind);
    default:
        return -EINVAL;
    }
}

/* Every descriptor says that it is a pipe. The structures differ in where they keep that. */
static s32 describe(u32 number, u32 user, u32 size, u32 mode_at, u32 links_at)
{
    if (!descriptor_find(number))
        return -EBADF;
    if (!are_user_words(user, size))
        return -EFAULT;
    memset((void *)user, 0, size);
    *(u32 *)(user + mode_at) = S_IFIFO | 0600;
    *(u32 *)(user + links_at) = 1;
    return 0;
}

s32 sys_fstat(struct thread *t)
{
    return describe(argument(t, 0), argument(t, 1), 144, 20, 24);
}

s32 sys_fstat64(struct thread *t)
{
    return describe(argument(t, 0), argument(t, 1), 104, 24, 28);
}

/* Of a descriptor: an empty path. Nothing has another path. */
s32 sys_statx(struct thread *t)
{
    u32 path = argument(t, 1), user;
    s32 error = stack_argument(t, 4, &user);
    if (error)
        return error;
    if (!is_user_range(path, 1))
        return -EFAULT;
    if (*(const u8 *)path != 0 || !(argument(t, 2) & AT_EMPTY_PATH))
        return -ENOENT;
    error = describe(argument(t, 0), user, 256, 28, 16);
    if (!error) {
        u32 *words = (u32 *)user;
        words[0] = 0x7;                        /* mask: type, mode, links */
        words[7] = (S_IFIFO | 0600) << 16;     /* the mode has 16 bits here */
    }
    return error;
}

s32 sys_no_file(struct thread *)
{
    return -ENOENT;
}
