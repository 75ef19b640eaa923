/* Boot, and what happens between an exception and the return to a program. */
#include "kernel.h"

_Static_assert(offsetof(struct thread, registers) == 0, "entry.S");
_Static_assert(offsetof(struct thread, hi) == THREAD_HI, "entry.S");
_Static_assert(offsetof(struct thread, lo) == THREAD_LO, "entry.S");
_Static_assert(offsetof(struct thread, pc) == THREAD_PC, "entry.S");

/* The loader fills it in: where the program is. */
__attribute__((section(".boot"))) volatile struct {
    u32 entry, stack_pointer, image_low, image_high, stack_low, stack_high;
} boot;

struct thread *kernel_boot(void)
{
    futex_init();
    poll_init();
    signals_init();
    memory_init(boot.image_low, boot.image_high, boot.stack_low, boot.stack_high);
    threads_init(boot.entry, boot.stack_pointer);
    return thread_find(1);
}

static void handle_system_call(struct thread *t)
{
    u32 number = t->registers[V0], index = number - FIRST_CALL;
    system_call *call = index < CALLS ? calls[index] : NULL;
    set_result(t, call ? call(t) : unknown_call(number));
}

struct thread *kernel_enter(struct thread *t, enum cause cause)
{
    clock_tick();
    if (cause == SYS)
        handle_system_call(t);
    else
        handle_fault(t, cause);
    if (must_reschedule(t))
        t = schedule(t);
    if (t->signals_due)
        signals_deliver(t);
    return t;
}
