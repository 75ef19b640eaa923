"""Texts to measure models of language with: sentences of this documentation, and a story."""

SENTENCES = (
    "An optimistic rollup says what a computation gives, and anybody may say it is wrong.",
    "The two then narrow their quarrel down to one step, and a contract executes that step.",
    "Exit codes: 0, it holds; 1, refuted; 2, bad input and one line that says why.",
    "A program of your own: any static big-endian MIPS32 executable.",
    "The normative description of the machine that every fraud proof ends in.",
    "Where this page and fpvm/step.py differ, one of them is wrong and it is a bug.",
    "What remains is an instruction set and five VM calls.",
    "Packed big-endian, in this order, 290 bytes; the state hash is keccak256 of the packing.",
    "A packing is valid only if it is 290 bytes long, exited is 0 or 1 and r0 is 0.",
    "A halted state steps to itself (its step counter stands still).",
    "Both proofs are therefore against the pre-state's memRoot.",
    "If pc is not a multiple of 4, or pc < 0x1000: exception 4 (AdEL).",
    "Where the manual leaves a choice, or where machines differ, this one does what follows.",
    "Shifts use the low 5 bits of rs (SLLV, SRLV, SRAV).",
    "ADD, ADDI, SUB raise 12 (Ov) on signed overflow and then write nothing.",
    "Links are pc + 8, whatever nextPC is, and are written whether or not the branch is taken.",
    "The target or condition is computed from the registers before the link is written.",
    "A branch in a delay slot needs no rule: pc and nextPC define it.",
    "LL is LW, and sets llAddr and llValue to the address and the word.",
    "The traps raise 13 (Tr) if their condition holds; BREAK raises 9 (Bp).",
    "The return address of SYSCALL is the old nextPC; that of a fault is pc itself.",
    "Causes are the manual's ExcCode numbers: 4 AdEL, 5 AdES, 8 Sys, 9 Bp, 10 RI, 12 Ov, 13 Tr.",
    "An address error in a VM call is exception 4 or 5, as if a load or a store had failed.",
    "The specification takes no notice of it; an engine may print.",
    "Other types are unknown: ORACLE_READ answers 0, 0.",
    "The machine (vm.md) knows no system calls: syscall jumps to 0x80000000.",
    "What lies there is programs/kernel, a small kernel in C and a page of assembly.",
    "At genesis all registers are zero and pc is the boot routine.",
    "The stack is laid out as System V wants it, by the loader.",
    "The result is in v0; an error sets a3 to 1 and v0 to a positive errno.",
    "MIPS numbers: ENOSYS is 89, ETIMEDOUT 145, MAP_ANONYMOUS 0x800, O_NONBLOCK 0x80.",
    "Every other register is as before, k0 and k1 excepted.",
    "A 64-bit argument takes an aligned pair of registers or stack words.",
    "Where nothing is to be transferred, addresses are not looked at.",
    "All queues are first in, first out, those of futexes included.",
    "If no thread is ready, the clock jumps to the first deadline.",
    "If there is none either, the run ends with a message and exit code 250.",
    "The monotonic clocks start at one second, CLOCK_REALTIME at 2000-01-01T00:00:00Z.",
    "Timespecs have 32 or 64 bits as the call says.",
    "Linux answers EINVAL, and the Go runtime polls where it meant to sleep.",
    "This kernel takes either layout for what it means.",
    "A mapping reserves addresses and reads as zero at first; more the machine cannot do.",
    "The hint is taken if it is free, otherwise the highest gap that is large enough.",
    "It returns through the signal page to rt_sigreturn, and may have changed every register.",
    "So Go's nil dereferences are recoverable panics.",
    "Without a handler the program ends (see below).",
    "So the kernel takes an instruction behind a branch or jump for one in its delay slot.",
    "In a delay slot the branch is evaluated again to find where to go on.",
    "Not an end, but reported in the same form: unknown system call N.",
    "Three kinds of hash, each with a tag of its own.",
    "Without the tags, a node could be passed off as a state, or a stretch as a prefix.",
    "S(0) is not among them: it is what the parties agree on from the start.",
    "So there is one base() for each bit that is set in pos, from the highest to the lowest.",
    "Rivals are nodes that agree on pos, d and base but not on span.",
    "Whoever bisects a node reveals l and r with node(l, r) = span.",
    "A disagreement is in the left half if the rivals' l differ, else in the right half.",
    "It counts the words of the path: a longer or a shorter one would prove an inner node.",
    "Unpack the state; refuse what is not the packing of a state. 2.",
    "Both are against memRoot as it was before the step. 3.",
    "Refuse if a part is left over, or has another length. 6.",
)

STORY = """\
The ship left the harbour before dawn. Nobody on the quay waved; the few who were awake had work to
do, and the rain had not stopped for three days. In the cabin below deck Anna counted the letters
again. There were eleven of them, each in the same careful hand, and she had answered none. When
the coast was out of sight she went up to the captain and asked how long the crossing would take.
He looked at the sky, then at her, and said that it depended on what she meant by long. The wind
came from the north that night, and by morning the sea was grey and steep. She learned to walk with
one hand on the rail and to sleep in her coat. On the fourth day a gull landed on the stern, and
the cook, who had sailed these waters for thirty years, said that land was near.
"""
