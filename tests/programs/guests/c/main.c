// A guest for the tests of the kernel: the first argument says what to do.
#include "guest.h"

static const struct {
    const char *name;
    scenario *run;
} scenarios[] = {
    {"mappings", mappings},
    {"refusals", refusals},
    {"table-limit", table_limit},
    {"heap", heap},
    {"threads", threads},
    {"thread-limit", thread_limit},
    {"last-thread", last_thread},
    {"futexes", futexes},
    {"polling", polling},
    {"clocks", clocks},
    {"interrupted", interrupted},
    {"starvation", starvation},
    {"errors", errors},
    {"unknown", unknown},
    {"descriptors", descriptors},
    {"fuzz", fuzz},
    {"signals", signals},
    {"hardware", hardware},
    {"counters", counters},
    {"registers", registers},
    {"preimages", preimages},
    {"abandoned", abandoned},
    {"die-load", die_load},
    {"die-store", die_store},
    {"die-unaligned", die_unaligned},
    {"die-reserved", die_reserved},
    {"die-overflow", die_overflow},
    {"die-break", die_break},
    {"die-divide", die_divide},
    {"die-jump", die_jump},
    {"die-odd-jump", die_odd_jump},
    {"die-deadlock", die_deadlock},
    {"die-abort", die_abort},
};

void read_input(u8 input[32])
{
    CHECK(read(7, input, 32) == 32);
}

static u32 state;

void random_seed(void)
{
    u8 input[32];
    read_input(input);
    state = 1;
    for (u32 i = 0; i < 32; i++)
        state = state * 31 + input[i];
    if (state == 0)
        state = 1;
}

u32 random_word(void)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

u32 random_below(u32 limit)
{
    return random_word() % limit;
}

int main(int argc, char **argv)
{
    for (u32 i = 0; argc > 1 && i < sizeof scenarios / sizeof *scenarios; i++)
        if (strcmp(argv[1], scenarios[i].name) == 0) {
            scenarios[i].run();
            printf("%s: good\n", argv[1]);
            return 0;
        }
    fprintf(stderr, "no such scenario\n");
    return 99;
}
