/* Signals, as Linux delivers them to o32 programs: actions, masks, frames on the stack, sigreturn.
 *
 * There are two sources: a fault of the running thread, and kill and its relatives. Threads leave
 * the processor only inside the kernel, so a signal from another thread arrives at a system call. */
#include "kernel.h"

static struct signal_action actions[SIGNALS + 1];

/* The code that a handler returns to, in user memory because the kernel's own code cannot make a
 * system call. */
enum { LI_V0 = 0x24020000, SYSCALL = 0x0000000c, NR_RT_SIGRETURN = 4193 };

void signals_init(void)
{
    u32 *code = (u32 *)SIGNAL_PAGE;
    code[0] = LI_V0 | NR_RT_SIGRETURN;
    code[1] = SYSCALL;
}

/* ---- sets ------------------------------------------------------------------------------------- */

static bool set_has(const struct signal_set *set, u32 signal)
{
    return set->words[(signal - 1) / 32] >> (signal - 1) % 32 & 1;
}

static void set_add(struct signal_set *set, u32 signal)
{
    set->words[(signal - 1) / 32] |= 1u << (signal - 1) % 32;
}

static void set_remove(struct signal_set *set, u32 signal)
{
    set->words[(signal - 1) / 32] &= ~(1u << (signal - 1) % 32);
}

static void block(struct thread *t, const struct signal_set *set)
{
    t->blocked = *set;
    set_remove(&t->blocked, SIGKILL);
    set_remove(&t->blocked, SIGSTOP);
    t->signals_due = true;
}

/* ---- what a signal does ----------------------------------------------------------------------- */

/* Signals that do nothing by default. Those that would stop the program are among them: nobody could
 * ever continue it. */
static bool is_harmless(u32 signal)
{
    switch (signal) {
    case SIGCHLD:
    case SIGWINCH:
    case SIGURG:
    case SIGCONT:
    case SIGSTOP:
    case SIGTSTP:
    case SIGTTIN:
    case SIGTTOU:
        return true;
    default:
        return false;
    }
}

static bool has_handler(u32 signal)
{
    return actions[signal].handler != SIG_DFL && actions[signal].handler != SIG_IGN;
}

static bool is_ignored(u32 signal)
{
    u32 handler = actions[signal].handler;
    return handler == SIG_IGN || (handler == SIG_DFL && is_harmless(signal));
}

[[noreturn]] static void terminate(u32 signal)
{
    struct message m;
    message_start(&m);
    message_text(&m, "killed by signal ");
    message_number(&m, signal);
    message_send(&m);
    program_exit(128 + signal);
}

/* ---- frames ----------------------------------------------------------------------------------- */

static bool is_on_signal_stack(const struct thread *t)
{
    u32 above = t->registers[SP] - t->signal_stack.low;
    return above != 0 && above <= t->signal_stack.size;
}

static u32 stack_flags(const struct thread *t)
{
    if (t->signal_stack.size == 0)
        return SS_DISABLE;
    return is_on_signal_stack(t) ? SS_ONSTACK : 0;
}

static void context_fill(struct signal_context *context, const struct thread *t)
{
    memset(context, 0, sizeof *context);
    context->stack = t->signal_stack;
    context->stack.flags = stack_flags(t);
    context->pc = t->pc;
    for (u32 i = 1; i < 32; i++)
        context->registers[i] = t->registers[i];
    context->hi = t->hi;
    context->lo = t->lo;
    context->mask = t->blocked;
}

/* Makes t run the handler of info's signal. False if there is no place for the frame. */
static bool enter_handler(struct thread *t, const struct signal_info *info)
{
    u32 signal = info->number;
    struct signal_action *action = &actions[signal];
    u32 top = t->registers[SP];
    if (action->flags & SA_ONSTACK && t->signal_stack.size != 0 && !is_on_signal_stack(t))
        top = t->signal_stack.low + t->signal_stack.size;
    u32 address = (top - sizeof(struct signal_frame)) & ~15u;
    if (!are_user_words(address, sizeof(struct signal_frame)))
        return false;
    struct signal_frame *frame = (struct signal_frame *)address;
    frame->info = *info;
    context_fill(&frame->context, t);

    t->registers[A0] = signal;
    t->registers[A0 + 1] = (u32)&frame->info;
    t->registers[A0 + 2] = (u32)&frame->context;
    t->registers[SP] = address;
    t->registers[RA] = SIGNAL_PAGE;
    t->registers[T9] = action->handler;
    t->pc = action->handler;
    for (u32 i = 0; i < SIGNAL_WORDS; i++)
        t->blocked.words[i] |= action->mask.words[i];
    if (!(action->flags & SA_NODEFER))
        set_add(&t->blocked, signal);
    block(t, &t->blocked);
    if (action->flags & SA_RESETHAND)
        action->handler = SIG_DFL;
    return true;
}

s32 sys_rt_sigreturn(struct thread *t)
{
    u32 address = t->registers[SP];
    if (address % 8 || !are_user_words(address, sizeof(struct signal_frame)))
        terminate(SIGSEGV);
    const struct signal_context *context = &((const struct signal_frame *)address)->context;
    for (u32 i = 1; i < 32; i++)
        t->registers[i] = context->registers[i];
    t->hi = context->hi;
    t->lo = context->lo;
    t->pc = context->pc;
    /* Code that runs in the kernel's range has no handler for its faults. */
    if (t->pc >= USER_HIGH)
        terminate(SIGSEGV);
    block(t, &context->mask);
    return RESULT_IN_REGISTERS;
}

/* ---- faults ----------------------------------------------------------------------------------- */

bool signal_fault(struct thread *t, const struct fault *fault)
{
    if (!has_handler(fault->signal) || set_has(&t->blocked, fault->signal))
        return false;
    struct signal_info info = {
        .number = fault->signal, .code = fault->code, .address = fault->address};
    u32 pc = t->pc;
    t->pc = fault->resume_at;
    bool entered = enter_handler(t, &info);
    if (!entered)
        t->pc = pc;
    return entered;
}

/* ---- kill and pending signals ----------------------------------------------------------------- */

static void interrupt(struct thread *t)
{
    if (t->remainder) {
        struct time left = {0, 0};
        if (is_before(now, t->deadline))
            left = time_subtract(t->deadline, now);
        time_write(t->remainder, t->remainder_width, left);
    }
    set_result(t, -EINTR);
    thread_wake(t);
}

static s32 post(struct thread *t, u32 signal)
{
    if (signal == 0)
        return 0;
    bool blocked = set_has(&t->blocked, signal);
    if (!blocked && is_ignored(signal))
        return 0;
    set_add(&t->pending, signal);
    t->signals_due = true;
    if (!blocked && t->state == WAITING)
        interrupt(t);
    return 0;
}

static void deliver(struct thread *t, u32 signal)
{
    set_remove(&t->pending, signal);
    if (is_ignored(signal))
        return;
    struct signal_info info = {.number = signal, .code = SI_TKILL, .pid = 1};
    if (!has_handler(signal) || !enter_handler(t, &info))
        terminate(signal);
}

void signals_deliver(struct thread *t)
{
    t->signals_due = false;
    for (u32 i = 0; i < SIGNAL_WORDS; i++) {
        u32 ready;
        /* Each handler entered blocks signals, so the set is computed anew. */
        while ((ready = t->pending.words[i] & ~t->blocked.words[i]) != 0)
            deliver(t, 32 * i + __builtin_ctz(ready) + 1);
    }
}

s32 sys_kill(struct thread *t)
{
    s32 pid = argument(t, 0);
    u32 signal = argument(t, 1);
    if (signal > SIGNALS)
        return -EINVAL;
    if (pid != 1 && pid != 0 && pid != -1)
        return -ESRCH;
    return signal ? post(thread_accepting(t, signal), signal) : 0;
}

static s32 thread_kill(u32 id, u32 signal)
{
    struct thread *target = thread_find(id);
    if (signal > SIGNALS)
        return -EINVAL;
    return target ? post(target, signal) : -ESRCH;
}

s32 sys_tkill(struct thread *t)
{
    return thread_kill(argument(t, 0), argument(t, 1));
}

s32 sys_tgkill(struct thread *t)
{
    return argument(t, 0) == 1 ? thread_kill(argument(t, 1), argument(t, 2)) : -ESRCH;
}

/* ---- actions, masks, stacks ------------------------------------------------------------------- */

s32 sys_rt_sigaction(struct thread *t)
{
    u32 signal = argument(t, 0), new = argument(t, 1), old = argument(t, 2);
    if (signal == 0 || signal > SIGNALS || argument(t, 3) != sizeof(struct signal_set))
        return -EINVAL;
    if ((new && !are_user_words(new, sizeof(struct signal_action))) ||
        (old && !are_user_words(old, sizeof(struct signal_action))))
        return -EFAULT;
    if (new && (signal == SIGKILL || signal == SIGSTOP))
        return -EINVAL;
    struct signal_action previous = actions[signal];
    if (new)
        actions[signal] = *(const struct signal_action *)new;
    if (old)
        *(struct signal_action *)old = previous;
    return 0;
}

s32 sys_rt_sigprocmask(struct thread *t)
{
    u32 how = argument(t, 0), new = argument(t, 1), old = argument(t, 2);
    if (argument(t, 3) != sizeof(struct signal_set))
        return -EINVAL;
    if ((new && !are_user_words(new, sizeof(struct signal_set))) ||
        (old && !are_user_words(old, sizeof(struct signal_set))))
        return -EFAULT;
    struct signal_set previous = t->blocked;
    if (new) {
        struct signal_set given = *(const struct signal_set *)new;
        for (u32 i = 0; i < SIGNAL_WORDS; i++)
            switch (how) {
            case SIG_BLOCK:
                given.words[i] |= previous.words[i];
                break;
            case SIG_UNBLOCK:
                given.words[i] = previous.words[i] & ~given.words[i];
                break;
            case SIG_SETMASK:
                break;
            default:
                return -EINVAL;
            }
        block(t, &given);
    }
    if (old)
        *(struct signal_set *)old = previous;
    return 0;
}

s32 sys_sigaltstack(struct thread *t)
{
    u32 new = argument(t, 0), old = argument(t, 1);
    if ((new && !are_user_words(new, sizeof(struct signal_stack))) ||
        (old && !are_user_words(old, sizeof(struct signal_stack))))
        return -EFAULT;
    struct signal_stack previous = t->signal_stack;
    previous.flags = stack_flags(t);
    if (new) {
        struct signal_stack given = *(const struct signal_stack *)new;
        if (is_on_signal_stack(t))
            return -EPERM;
        if (given.flags & ~(SS_DISABLE | SS_ONSTACK))
            return -EINVAL;
        if (given.flags & SS_DISABLE)
            given = (struct signal_stack){};
        else if (given.size < MINSIGSTKSZ)
            return -ENOMEM;
        t->signal_stack = given;
    }
    if (old)
        *(struct signal_stack *)old = previous;
    return 0;
}
