// Signals of faults, RDHWR, registers, and deaths.
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <ucontext.h>

#include "guest.h"

static volatile int caught, code;
static volatile u32 address, at, step = 4;
static volatile bool on_other_stack;
static u8 other_stack[16384];

static void skip(int signal, siginfo_t *info, void *context)
{
    mcontext_t *machine = &((ucontext_t *)context)->uc_mcontext;
    caught = signal;
    code = info->si_code;
    address = (u32)info->si_addr;
    at = machine->pc;
    machine->pc += step;
    on_other_stack = (u8 *)&machine - other_stack < (long)sizeof other_stack &&
                     (u8 *)&machine > other_stack;
}

// A handler that leaves nothing as it was.
static void scramble(int signal, siginfo_t *info, void *context)
{
    skip(signal, info, context);
    __asm__ volatile("li $10, 1\nli $15, 2\nli $24, 3\nmthi $0\nmtlo $0"
                     :
                     :
                     : "$10", "$15", "$24", "hi", "lo");
}

static void handle(int signal, void (*handler)(int, siginfo_t *, void *), int flags)
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};
    CHECK(sigaction(signal, &action, NULL) == 0);
}

// Runs one instruction that faults, and says what the handler saw.
#define FAULT(instruction, base)                                                                   \
    do {                                                                                           \
        caught = 0;                                                                                \
        register u32 t0 __asm__("$8") = (u32)(base);                                               \
        __asm__ volatile(".set push\n.set noreorder\n" instruction "\n.set pop"                    \
                         : "+r"(t0)                                                                \
                         :                                                                         \
                         : "$9", "memory");                                                        \
    } while (0)

static void count_nested(int signal, siginfo_t *info, void *context)
{
    static int depth;
    if (++depth < 3)
        FAULT("lw $9, 0($8)", 16);
    depth--;
    skip(signal, info, context);
}

// A new thread does not inherit what is pending.
static void *unblock(void *)
{
    sigset_t all;
    sigfillset(&all);
    CHECK(sigprocmask(SIG_UNBLOCK, &all, NULL) == 0);
    return NULL;
}

void signals(void)
{
    const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGTRAP, SIGILL};
    for (u32 i = 0; i < 5; i++)
        handle(fatal[i], skip, 0);
    u32 word = 7;

    FAULT("lw $9, 12($8)", 0);
    CHECK(caught == SIGSEGV && code == SEGV_MAPERR && address == 12);
    FAULT("sb $9, -1($8)", 0x1000);
    CHECK(caught == SIGSEGV && address == 0xfff);
    FAULT("lw $9, 0($8)", (u32)&word + 1);
    CHECK(caught == SIGBUS && code == BUS_ADRALN && address == (u32)&word + 1);
    FAULT("sh $9, 2($8)", (u32)&word + 1);
    CHECK(caught == SIGBUS && address == (u32)&word + 3);
    FAULT("teq $8, $0, 7", 0);
    CHECK(caught == SIGFPE && code == FPE_INTDIV && address == at);
    FAULT("teq $8, $0, 6", 0);
    CHECK(caught == SIGFPE && code == FPE_INTOVF);
    FAULT("teq $8, $0, 5", 0);
    CHECK(caught == SIGTRAP);
    FAULT("teqi $8, 0", 0);
    CHECK(caught == SIGTRAP);
    FAULT("break", 0);
    CHECK(caught == SIGTRAP && code == TRAP_BRKPT);
    FAULT("break 7", 0);
    CHECK(caught == SIGFPE && code == FPE_INTDIV);
    FAULT("add $9, $8, $8", 0x7fffffff);
    CHECK(caught == SIGFPE && code == FPE_INTOVF);
    FAULT(".word 0xfc000000", 0); // reserved
    CHECK(caught == SIGILL);
    FAULT(".word 0x7c03203b", 0); // rdhwr of a register that is not there
    CHECK(caught == SIGILL);
    CHECK(word == 7);

    // In a delay slot the reported pc is the branch's, as on hardware.
    step = 8;
    FAULT("b 1f\nlw $9, 4($8)\n1:", 0);
    CHECK(caught == SIGSEGV && address == 4 && *(u32 *)at >> 16 == 0x1000);
    step = 4;

    // The handler's registers are its own.
    u32 kept[5];
    handle(SIGSEGV, scramble, 0);
    __asm__ volatile("li $10, 21\nli $15, 22\nli $24, 23\nmthi $10\nmtlo $15\n"
                     "lw $8, 24($0)\n"
                     "move %0, $10\nmove %1, $15\nmove %2, $24\nmfhi %3\nmflo %4"
                     : "=r"(kept[0]), "=r"(kept[1]), "=r"(kept[2]), "=r"(kept[3]), "=r"(kept[4])
                     :
                     : "$8", "$10", "$15", "$24", "hi", "lo");
    CHECK(address == 24 && kept[0] == 21 && kept[1] == 22 && kept[2] == 23);
    CHECK(kept[3] == 21 && kept[4] == 22);

    stack_t stack = {.ss_sp = other_stack, .ss_size = sizeof other_stack}, old;
    CHECK(sigaltstack(&stack, &old) == 0 && old.ss_flags == SS_DISABLE);
    handle(SIGSEGV, skip, SA_ONSTACK);
    FAULT("lw $9, 0($8)", 0);
    CHECK(caught == SIGSEGV && on_other_stack);
    handle(SIGSEGV, count_nested, SA_ONSTACK | SA_NODEFER);
    FAULT("lw $9, 20($8)", 0);
    CHECK(caught == SIGSEGV && on_other_stack && address == 20);
    handle(SIGSEGV, skip, 0);
    FAULT("lw $9, 0($8)", 0);
    CHECK(caught == SIGSEGV && !on_other_stack);

    // Blocked, ignored, one-shot.
    sigset_t set, pending;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    handle(SIGUSR1, skip, SA_RESETHAND);
    CHECK(sigprocmask(SIG_BLOCK, &set, &pending) == 0 && !sigismember(&pending, SIGUSR1));
    caught = 0;
    CHECK(raise(SIGUSR1) == 0 && kill(1, SIGUSR1) == 0 && caught == 0);
    struct sigaction now;
    CHECK(sigaction(SIGUSR1, NULL, &now) == 0 && now.sa_sigaction == skip);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, unblock, NULL) == 0 && pthread_join(thread, NULL) == 0);
    CHECK(caught == 0);
    signal(SIGUSR1, SIG_IGN);
    CHECK(sigprocmask(SIG_UNBLOCK, &set, NULL) == 0 && caught == 0);
    CHECK(raise(SIGUSR1) == 0 && raise(SIGCHLD) == 0 && raise(SIGURG) == 0);
    signal(SIGUSR1, SIG_DFL);
}

// ---- registers ------------------------------------------------------------------------------------

static volatile bool done;

// A thread whose registers are all different.
static void *disturb(void *)
{
    while (!done) {
        register u32 v0 __asm__("$2") = SYS_sched_yield;
        __asm__ volatile("li $8, 1\nli $9, 1\nli $10, 1\nli $11, 1\nli $12, 1\nli $13, 1\n"
                         "li $14, 1\nli $15, 1\nli $24, 1\nli $25, 1\nmthi $8\nmtlo $8\n"
                         "syscall"
                         : "+r"(v0)
                         :
                         : "$7", "$8", "$9", "$10", "$11", "$12", "$13", "$14", "$15", "$24",
                           "$25", "hi", "lo", "memory");
    }
    return NULL;
}

// A system call, and the emulation of RDHWR, change nothing but their results.
void registers(void)
{
    static u32 before[32], after[32];
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, disturb, NULL) == 0);
    sched_yield();
    for (u32 i = 0; i < 32; i++)
        before[i] = 0x01010101 * i + 0x1000;
    before[2] = SYS_sched_yield;
    __asm__ volatile(".set push\n.set noat\n.set noreorder\n"
                     "move $26, %0\n"
                     "lw $8, 0($26)\nmthi $8\nlw $8, 4($26)\nmtlo $8\n"
                     "lw $2, 8($26)\nlw $3, 12($26)\nlw $4, 16($26)\nlw $5, 20($26)\n"
                     "lw $6, 24($26)\nlw $7, 28($26)\nlw $8, 32($26)\nlw $9, 36($26)\n"
                     "lw $10, 40($26)\nlw $11, 44($26)\nlw $12, 48($26)\nlw $13, 52($26)\n"
                     "lw $14, 56($26)\nlw $15, 60($26)\nlw $24, 96($26)\nlw $25, 100($26)\n"
                     "lw $1, 108($26)\n"
                     "syscall\n"
                     ".word 0x7c03e83b\n" // rdhwr $3, $29
                     "lui $26, %%hi(%1)\naddiu $26, $26, %%lo(%1)\n"
                     "sw $1, 108($26)\n"
                     "sw $2, 8($26)\nsw $3, 12($26)\nsw $4, 16($26)\nsw $5, 20($26)\n"
                     "sw $6, 24($26)\nsw $7, 28($26)\nsw $8, 32($26)\nsw $9, 36($26)\n"
                     "sw $10, 40($26)\nsw $11, 44($26)\nsw $12, 48($26)\nsw $13, 52($26)\n"
                     "sw $14, 56($26)\nsw $15, 60($26)\nsw $24, 96($26)\nsw $25, 100($26)\n"
                     "mfhi $8\nsw $8, 0($26)\nmflo $8\nsw $8, 4($26)\n"
                     ".set pop"
                     :
                     : "r"(before), "i"(after)
                     : "$1", "$2", "$3", "$4", "$5", "$6", "$7", "$8", "$9", "$10", "$11", "$12",
                       "$13", "$14", "$15", "$24", "$25", "hi", "lo", "memory");
    done = true;
    CHECK(pthread_join(thread, NULL) == 0);
    u32 thread_pointer = (u32)__builtin_thread_pointer();
    for (u32 i = 0; i < 28; i++)
        if (i == 2 || i == 7)
            CHECK(after[i] == 0);
        else if (i == 3)
            CHECK(after[i] == thread_pointer);
        else if (i < 16 || i == 24 || i == 25 || i == 27)
            CHECK(after[i] == before[i]);
}

// ---- RDHWR ----------------------------------------------------------------------------------------

#define RDHWR_3_29 ".word 0x7c03e83b\n" // rdhwr $3, $29

// Runs `code` between two instructions that clear v1 and fetch it; v0 says which way it went.
#define SLOT(way, code, a, b)                                                                      \
    do {                                                                                           \
        register u32 a0 __asm__("$4") = (u32)(a), a1 __asm__("$5") = (u32)(b);                     \
        register u32 v0 __asm__("$2"), v1 __asm__("$3");                                           \
        __asm__ volatile(".set push\n.set noreorder\n.set noat\n"                                  \
                         "move $3, $0\nli $2, 0\n" code "\n"                                       \
                         "b 3f\nli $2, 1\n"                                                        \
                         "2: li $2, 2\n"                                                           \
                         "3:\n.set pop"                                                            \
                         : "=r"(v0), "=r"(v1), "+r"(a0), "+r"(a1)                                  \
                         :                                                                         \
                         : "$1", "$31", "memory");                                                 \
        CHECK(v0 == (way));                                                                        \
        CHECK(v1 == (u32)pointer);                                                                 \
    } while (0)

void hardware(void)
{
    void *pointer = __builtin_thread_pointer();
    enum { STRAIGHT = 1, TAKEN = 2 };
    SLOT(STRAIGHT, RDHWR_3_29, 0, 0);
    SLOT(TAKEN, "b 2f\n" RDHWR_3_29, 0, 0);
    SLOT(TAKEN, "beq $4, $5, 2f\n" RDHWR_3_29, 5, 5);
    SLOT(STRAIGHT, "beq $4, $5, 2f\n" RDHWR_3_29, 5, 6);
    SLOT(TAKEN, "bne $4, $5, 2f\n" RDHWR_3_29, 5, 6);
    SLOT(STRAIGHT, "bne $4, $5, 2f\n" RDHWR_3_29, 5, 5);
    SLOT(TAKEN, "blez $4, 2f\n" RDHWR_3_29, 0, 0);
    SLOT(STRAIGHT, "blez $4, 2f\n" RDHWR_3_29, 1, 0);
    SLOT(TAKEN, "bgtz $4, 2f\n" RDHWR_3_29, 1, 0);
    SLOT(STRAIGHT, "bgtz $4, 2f\n" RDHWR_3_29, 0, 0);
    SLOT(TAKEN, "bltz $4, 2f\n" RDHWR_3_29, -1, 0);
    SLOT(STRAIGHT, "bltz $4, 2f\n" RDHWR_3_29, 0, 0);
    SLOT(TAKEN, "bgez $4, 2f\n" RDHWR_3_29, 0, 0);
    SLOT(STRAIGHT, "bgez $4, 2f\n" RDHWR_3_29, -1, 0);
    SLOT(TAKEN, "bltzal $4, 2f\n" RDHWR_3_29, -1, 0);
    SLOT(STRAIGHT, "bgezal $4, 2f\n" RDHWR_3_29, -1, 0);
    SLOT(TAKEN, "beql $4, $5, 2f\n" RDHWR_3_29, 5, 5);
    SLOT(TAKEN, "bnel $4, $5, 2f\n" RDHWR_3_29, 5, 6);
    SLOT(TAKEN, "blezl $4, 2f\n" RDHWR_3_29, -7, 0);
    SLOT(TAKEN, "bgtzl $4, 2f\n" RDHWR_3_29, 7, 0);
    SLOT(TAKEN, "bgezl $4, 2f\n" RDHWR_3_29, 7, 0);
    SLOT(TAKEN, "j 2f\n" RDHWR_3_29, 0, 0);
    SLOT(TAKEN, "jal 2f\n" RDHWR_3_29, 0, 0);
    SLOT(TAKEN, "lui $1, %%hi(2f)\naddiu $1, $1, %%lo(2f)\njr $1\n" RDHWR_3_29, 0, 0);
    SLOT(TAKEN, "lui $1, %%hi(2f)\naddiu $1, $1, %%lo(2f)\njalr $1\n" RDHWR_3_29, 0, 0);
}

void counters(void)
{
    u32 cpu, step, count, later, count_step;
    __asm__ volatile(".set push\n.set mips32r2\nrdhwr %0, $0\nrdhwr %1, $1\nrdhwr %2, $2\n"
                     "rdhwr %3, $2\nrdhwr %4, $3\n.set pop"
                     : "=r"(cpu), "=r"(step), "=r"(count), "=r"(later), "=r"(count_step));
    CHECK(cpu == 0 && step == 0 && count_step == 1 && later == count + 1);
}

// ---- deaths ---------------------------------------------------------------------------------------

void die_load(void)
{
    FAULT("lw $9, 0x14($8)", 0x20);
}

void die_store(void)
{
    FAULT("sw $9, 0($8)", 0);
}

void die_unaligned(void)
{
    FAULT("lh $9, 0($8)", 0x50000001);
}

void die_reserved(void)
{
    FAULT(".word 0xfc000000", 0);
}

void die_overflow(void)
{
    FAULT("addi $9, $8, -1", 0x80000000);
}

void die_break(void)
{
    FAULT("break", 0);
}

void die_divide(void)
{
    FAULT("teq $8, $0, 7", 0);
}

void die_jump(void)
{
    FAULT("jr $8\nnop", 0x10);
}

void die_odd_jump(void)
{
    FAULT("jr $8\nnop", (u32)die_odd_jump + 2);
}

void die_deadlock(void)
{
    static u32 word;
    syscall(SYS_futex, &word, 0, 0, 0);
}

void die_abort(void)
{
    abort();
}
