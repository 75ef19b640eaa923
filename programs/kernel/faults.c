/* Exceptions that are not system calls: RDHWR is emulated, anything else becomes a signal, and ends
 * the program if it does not handle it. */
#include "kernel.h"

/* ---- decoding --------------------------------------------------------------------------------- */

enum opcode {
    OP_SPECIAL = 0x00,
    OP_REGIMM = 0x01,
    OP_J = 0x02,
    OP_JAL = 0x03,
    OP_BEQ = 0x04,
    OP_BNE = 0x05,
    OP_BLEZ = 0x06,
    OP_BGTZ = 0x07,
    OP_BEQL = 0x14,
    OP_BGTZL = 0x17,
    OP_SPECIAL3 = 0x1f,
    OP_LB = 0x20, /* the first load */
    OP_SC = 0x38, /* the last store */
};

enum function { FN_JR = 0x08, FN_JALR = 0x09, FN_BREAK = 0x0d, FN_RDHWR = 0x3b };

static u32 opcode(u32 word)
{
    return word >> 26;
}

static u32 rs(u32 word)
{
    return word >> 21 & 31;
}

static u32 rt(u32 word)
{
    return word >> 16 & 31;
}

static u32 rd(u32 word)
{
    return word >> 11 & 31;
}

static u32 function(u32 word)
{
    return word & 63;
}

static bool is_readable(u32 pc)
{
    return pc % 4 == 0 && pc >= USER_LOW;
}

/* Where the branch `word` at `pc` goes, given the registers. False if it is no branch. */
static bool branch_target(const struct thread *t, u32 pc, u32 word, u32 *target)
{
    s32 s = t->registers[rs(word)], other = t->registers[rt(word)];
    bool taken;
    switch (opcode(word)) {
    case OP_SPECIAL:
        *target = s;
        return function(word) == FN_JR || function(word) == FN_JALR;
    case OP_J:
    case OP_JAL:
        *target = ((pc + 4) & 0xf0000000) | (word << 2 & 0x0ffffffc);
        return true;
    case OP_REGIMM:
        if ((rt(word) & 0x0c) != 0)
            return false;
        taken = rt(word) & 1 ? s >= 0 : s < 0;
        break;
    case OP_BEQ:
    case OP_BEQL:
        taken = s == other;
        break;
    case OP_BNE:
    case OP_BNE + (OP_BEQL - OP_BEQ):
        taken = s != other;
        break;
    case OP_BLEZ:
    case OP_BLEZ + (OP_BEQL - OP_BEQ):
        taken = s <= 0;
        break;
    case OP_BGTZ:
    case OP_BGTZL:
        taken = s > 0;
        break;
    default:
        return false;
    }
    *target = taken ? pc + 4 + ((u32)(int16_t)word << 2) : pc + 8;
    return true;
}

/* An exception in the delay slot of a branch reports the slot's own address, and where the branch
 * goes is lost. So an instruction behind a branch is taken to be in its delay slot, and the branch
 * is evaluated again: `next` is where the program goes on behind it. Code that jumps *to* a delay
 * slot, and branches whose link register is one of their operands, which the architecture forbids,
 * would be misjudged. */
static bool is_in_delay_slot(const struct thread *t, u32 *next)
{
    u32 before = t->pc - 4;
    return is_readable(before) && branch_target(t, before, *(const u32 *)before, next);
}

/* ---- RDHWR ------------------------------------------------------------------------------------ */

enum { HARDWARE_CPU = 0, HARDWARE_SYNC_STEP = 1, HARDWARE_COUNT = 2, HARDWARE_COUNT_STEP = 3,
       HARDWARE_LOCAL = 29 };

static bool read_hardware(const struct thread *t, u32 number, u32 *value)
{
    switch (number) {
    case HARDWARE_CPU:
    case HARDWARE_SYNC_STEP: /* 0: no cache needs to be synchronized */
        *value = 0;
        return true;
    case HARDWARE_COUNT:
        *value = now.seconds * 1000000 + now.nanoseconds / 1000;
        return true;
    case HARDWARE_COUNT_STEP:
        *value = 1;
        return true;
    case HARDWARE_LOCAL:
        *value = t->local_storage;
        return true;
    default:
        return false;
    }
}

static bool emulate(struct thread *t, u32 word)
{
    u32 value, next = t->pc + 4;
    if (opcode(word) != OP_SPECIAL3 || function(word) != FN_RDHWR || rs(word) != 0 ||
        !read_hardware(t, rd(word), &value))
        return false;
    u32 target;
    if (is_in_delay_slot(t, &target))
        next = target;
    t->registers[rt(word)] = value;
    t->registers[0] = 0;
    t->pc = next;
    return true;
}

/* ---- faults as signals ------------------------------------------------------------------------ */

/* What a load or store at `word` accesses; 0 for a VM call, which a program has no business with. */
static u32 accessed(const struct thread *t, u32 word)
{
    if (opcode(word) < OP_LB || opcode(word) > OP_SC)
        return 0;
    return t->registers[rs(word)] + (int16_t)word;
}

/* Compilers mark divisions by zero and overflows by the code in a trap or break instruction. */
static enum signal_code arithmetic_code(u32 word, enum cause cause)
{
    enum { OVERFLOW = 6, DIVISION_BY_ZERO = 7 };
    u32 code = 0;
    if (cause == BP) {
        code = word >> 6 & 0xfffff;
        if (code >= 1 << 10) /* assemblers put it into the upper half */
            code >>= 10;
    } else if (opcode(word) == OP_SPECIAL) {
        code = word >> 6 & 0x3ff;
    }
    return code == DIVISION_BY_ZERO ? FPE_INTDIV : code == OVERFLOW ? FPE_INTOVF : 0;
}

static struct fault describe(const struct thread *t, u32 word, enum cause cause)
{
    u32 address;
    enum signal_code code;
    switch (cause) {
    case ADEL:
    case ADES:
        address = is_readable(t->pc) ? accessed(t, word) : t->pc;
        return address < USER_LOW ? (struct fault){SIGSEGV, SEGV_MAPERR, address, t->pc}
                                  : (struct fault){SIGBUS, BUS_ADRALN, address, t->pc};
    case BP:
    case TR:
        code = arithmetic_code(word, cause);
        if (code)
            return (struct fault){SIGFPE, code, t->pc, t->pc};
        return (struct fault){SIGTRAP, cause == BP ? TRAP_BRKPT : SI_KERNEL, 0, t->pc};
    case OV:
        return (struct fault){SIGFPE, FPE_INTOVF, t->pc, t->pc};
    default:
        return (struct fault){SIGILL, SI_KERNEL, 0, t->pc};
    }
}

static const char *name_of(enum cause cause)
{
    switch (cause) {
    case ADEL:
        return "AdEL";
    case ADES:
        return "AdES";
    case BP:
        return "Bp";
    case RI:
        return "RI";
    case OV:
        return "Ov";
    case TR:
        return "Tr";
    default:
        return "exception";
    }
}

/* The form is fixed: the host finds "pc=0x" and adds the symbol. */
[[noreturn]] static void fatal(const struct thread *t, u32 word, enum cause cause,
                               const struct fault *fault)
{
    struct message m;
    message_start(&m);
    message_text(&m, "fatal ");
    message_text(&m, name_of(cause));
    message_text(&m, " at pc=");
    message_hex(&m, t->pc);
    message_text(&m, " word=");
    message_hex(&m, word);
    message_text(&m, " address=");
    message_hex(&m, fault->address);
    message_text(&m, " ra=");
    message_hex(&m, t->registers[RA]);
    message_text(&m, " sp=");
    message_hex(&m, t->registers[SP]);
    message_text(&m, " thread=");
    message_number(&m, t->id);
    message_text(&m, " signal=");
    message_number(&m, fault->signal);
    message_send(&m);
    program_exit(128 + fault->signal);
}

void handle_fault(struct thread *t, enum cause cause)
{
    u32 word = is_readable(t->pc) ? *(const u32 *)t->pc : 0;
    if (cause == RI && emulate(t, word))
        return;
    struct fault fault = describe(t, word, cause);
    u32 next;
    if (is_readable(t->pc) && is_in_delay_slot(t, &next))
        fault.resume_at = t->pc - 4; /* as on hardware: the branch is executed again */
    if (!signal_fault(t, &fault))
        fatal(t, word, cause, &fault);
}
