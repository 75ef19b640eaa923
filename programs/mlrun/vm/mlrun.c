/* Computes one task of a model: docs/mlvm.md, "On the VM".
 *
 * The input word is H("task" ‖ model address ‖ index, 8 bytes ‖ S(index)), the output S(index + 1),
 * which is S(index) where nothing changes. */
#include "../checks.h"
#include "header.h"
#include "keccak.h"
#include "../kernels.h"
#include "../leaves.h"
#include "oracle.h"
#include "trees.h"
#include "zeros.h"

enum { TASK_PREIMAGE = 4 + 32 + 8 + 32, INPUT_STATE = 5 + 32, OUTPUT_STATE = 6 + 32 };
enum { BYTES_PREIMAGE = 5 + 8 + 32, ROOT_OF_BYTES = 5 + 8 };

static struct hash state, address;
static _Alignas(32) struct header header;
static _Alignas(32) uint32_t record[RECORD_WORDS];

[[noreturn]] void change_nothing(void)
{
    machine_halt(0, &state);
}

/* --- The messages that frame hashes --- */

static struct {
    uint32_t length;
    _Alignas(4) uint8_t bytes[ROOM_FOR(96)];
} message;

static void say(const void *data, uint32_t size)
{
    for (const uint8_t *from = data; size; size--)
        message.bytes[message.length++] = *from++;
}

/* Ends the message. */
static void hash_message(struct hash *digest)
{
    keccak256(message.bytes, message.length, digest);
    message.length = 0;
}

[[noreturn]] static void end_with_output(const struct hash *output_hash)
{
    static struct hash result;
    say("output", 6);
    say(output_hash, 32);
    hash_message(&result);
    machine_halt(0, &result);
}

[[noreturn]] static void end_with_arena(const struct hash *root)
{
    static struct hash result;
    result = *root;
    machine_halt(0, &result);
}

/* --- The first task and the last --- */

static uint32_t height_of(uint32_t leaves)
{
    return 31 - (uint32_t)__builtin_clz(leaves);
}

[[noreturn]] static void input(void)
{
    static struct hash input_hash, root;
    static _Alignas(32) uint32_t prefix[8];
    oracle_select(&state);
    if (machine_oracle_read(prefix, 0) != INPUT_STATE)
        change_nothing();
    machine_oracle_read(&input_hash, 5);
    oracle_select(&input_hash);
    machine_oracle_read(prefix, 5);
    if (machine_oracle_read(&root, ROOT_OF_BYTES) != BYTES_PREIMAGE)
        change_nothing();
    if (prefix[0] != 0 || prefix[1] != header.input_size) {
        say("invalid input", 13);
        hash_message(&root);
        end_with_output(&root);
    }
    /* The input's own tree is the beginning of the arena's; beyond are zeros. */
    uint32_t height = height_of(leaf_count(header.input_size));
    for (; height < height_of(arena.leaves); height++)
        hash_node(&root, &zero_roots[height], &root);
    end_with_arena(&root);
}

[[noreturn]] static void output(uint32_t out)
{
    static struct hash digest;
    static const uint32_t zero = 0;
    uint32_t leaves = leaf_count(header.output_size);
    uint32_t node = (arena.leaves + (out >> LEAF_SHIFT)) / leaves;
    say("bytes", 5);
    say(&zero, 4);
    say(&header.output_size, 4);
    say(node_of(&arena, node), 32);
    hash_message(&digest);
    say("result", 6);
    say(header.macs, 8);
    say(&digest, 32);
    hash_message(&digest);
    end_with_output(&digest);
}

/* --- A task --- */

/* Reads model address, index and state; returns the index. What is not asked about a task has no
 * answer. */
static uint32_t read_question(void)
{
    static struct hash question;
    static _Alignas(32) uint32_t prefix[8];
    machine_input(&question);
    oracle_select(&question);
    if (machine_oracle_read(prefix, 0) != TASK_PREIMAGE)
        machine_halt(1, &question);
    machine_oracle_read(&address, 4);
    machine_oracle_read(prefix, 36);
    machine_oracle_read(&state, 44);
    return prefix[0] ? UINT32_MAX : prefix[1];
}

/* Whether the state is an arena's: what it is the hash of tells. */
static bool is_arena(void)
{
    static struct hash first;
    oracle_select(&state);
    uint32_t length = machine_oracle_read(&first, 0);
    return length == (arena.leaves == 1 ? LEAF_PREIMAGE : NODE_PREIMAGE);
}

void start(void)
{
    static uint8_t written[MAX_WRITTEN] __attribute__((aligned(4)));
    const struct task *task = (const struct task *)record;
    uint32_t index = read_question();
    if (!read_header(&address, &header) || index >= header.tasks)
        change_nothing();
    arena.leaves = header.arena_size >> LEAF_SHIFT;
    blob.leaves = leaf_count(header.blob_size[1]);
    read_record(header.task_root, leaf_count(header.tasks * RECORD_SIZE),
                index * RECORD_SIZE, record);
    struct sizes sizes = {header.arena_size, header.input_size, header.output_size};
    if (!is_valid(record, &sizes) || task->kind == NOTHING)
        change_nothing();
    if (task->kind == INPUT)
        input();
    if (!is_arena())
        change_nothing();
    plant(&arena, arena.leaves, &state);
    plant(&blob, blob.leaves, header.blob_root);
    if (task->kind == OUTPUT)
        output(task->out);
    kernels[task->kind](record, written);
    overwrite(&arena, task->out, written, task->out_size);
    end_with_arena(node_of(&arena, 1));
}
