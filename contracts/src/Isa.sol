// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

// The encodings of the instruction set: names for the numbers that docs/vm.md lists. The same
// names as in fpvm/isa.py. An instruction word is a uint256 below 2^32, a register a uint32.

// Where every exception goes, and where the kernel starts; the kernel has this range to itself.
uint32 constant KERNEL = 0x80000000;
// Fetches, loads and stores below this address fault: null pointers, with offsets.
uint32 constant NULL_GUARD = 0x1000;
// The registers that an exception writes: its cause, and the address to return to.
uint256 constant K0 = 26;
uint256 constant K1 = 27;
// The registers of a VM call.
uint256 constant V0 = 2;
uint256 constant V1 = 3;
uint256 constant A0 = 4;
uint256 constant A1 = 5;
uint256 constant A2 = 6;
uint256 constant RA = 31;
// The first byte of a preimage key, of the types that the machine knows.
uint256 constant KECCAK_TYPE = 2;
uint256 constant SHA256_TYPE = 4;
// The exit code of a machine whose kernel raised an exception.
uint8 constant UNHANDLED_EXIT_CODE = 255;

/// Bits 31-26.
library Op {
    uint256 internal constant SPECIAL = 0x00;
    uint256 internal constant REGIMM = 0x01;
    uint256 internal constant J = 0x02;
    uint256 internal constant JAL = 0x03;
    uint256 internal constant BEQ = 0x04;
    uint256 internal constant BNE = 0x05;
    uint256 internal constant BLEZ = 0x06;
    uint256 internal constant BGTZ = 0x07;
    uint256 internal constant ADDI = 0x08;
    uint256 internal constant ADDIU = 0x09;
    uint256 internal constant SLTI = 0x0A;
    uint256 internal constant SLTIU = 0x0B;
    uint256 internal constant ANDI = 0x0C;
    uint256 internal constant ORI = 0x0D;
    uint256 internal constant XORI = 0x0E;
    uint256 internal constant LUI = 0x0F;
    uint256 internal constant BEQL = 0x14;
    uint256 internal constant BGTZL = 0x17;
    uint256 internal constant SPECIAL2 = 0x1C;
    uint256 internal constant LB = 0x20;
    uint256 internal constant LH = 0x21;
    uint256 internal constant LWL = 0x22;
    uint256 internal constant LW = 0x23;
    uint256 internal constant LBU = 0x24;
    uint256 internal constant LHU = 0x25;
    uint256 internal constant LWR = 0x26;
    uint256 internal constant SB = 0x28;
    uint256 internal constant SH = 0x29;
    uint256 internal constant SWL = 0x2A;
    uint256 internal constant SW = 0x2B;
    uint256 internal constant SWR = 0x2E;
    uint256 internal constant LL = 0x30;
    uint256 internal constant PREF = 0x33;
    uint256 internal constant SC = 0x38;
}

/// Bits 5-0 of a SPECIAL instruction.
library Fn {
    uint256 internal constant SLL = 0x00;
    uint256 internal constant SRL = 0x02;
    uint256 internal constant SRA = 0x03;
    uint256 internal constant SLLV = 0x04;
    uint256 internal constant SRLV = 0x06;
    uint256 internal constant SRAV = 0x07;
    uint256 internal constant JR = 0x08;
    uint256 internal constant JALR = 0x09;
    uint256 internal constant MOVZ = 0x0A;
    uint256 internal constant MOVN = 0x0B;
    uint256 internal constant SYSCALL = 0x0C;
    uint256 internal constant BREAK = 0x0D;
    uint256 internal constant SYNC = 0x0F;
    uint256 internal constant MFHI = 0x10;
    uint256 internal constant MTHI = 0x11;
    uint256 internal constant MFLO = 0x12;
    uint256 internal constant MTLO = 0x13;
    uint256 internal constant MULT = 0x18;
    uint256 internal constant MULTU = 0x19;
    uint256 internal constant DIV = 0x1A;
    uint256 internal constant DIVU = 0x1B;
    uint256 internal constant ADD = 0x20;
    uint256 internal constant ADDU = 0x21;
    uint256 internal constant SUB = 0x22;
    uint256 internal constant SUBU = 0x23;
    uint256 internal constant AND = 0x24;
    uint256 internal constant OR = 0x25;
    uint256 internal constant XOR = 0x26;
    uint256 internal constant NOR = 0x27;
    uint256 internal constant SLT = 0x2A;
    uint256 internal constant SLTU = 0x2B;
    uint256 internal constant TGE = 0x30;
    uint256 internal constant TGEU = 0x31;
    uint256 internal constant TLT = 0x32;
    uint256 internal constant TLTU = 0x33;
    uint256 internal constant TEQ = 0x34;
    uint256 internal constant TNE = 0x36;
}

/// Bits 5-0 of a SPECIAL2 instruction.
library Fn2 {
    uint256 internal constant MADD = 0x00;
    uint256 internal constant MADDU = 0x01;
    uint256 internal constant MUL = 0x02;
    uint256 internal constant MSUB = 0x04;
    uint256 internal constant MSUBU = 0x05;
    uint256 internal constant CLZ = 0x20;
    uint256 internal constant CLO = 0x21;
}

/// Bits 20-16 of a REGIMM instruction.
library Rt {
    uint256 internal constant BLTZ = 0x00;
    uint256 internal constant BGEZ = 0x01;
    uint256 internal constant BLTZL = 0x02;
    uint256 internal constant BGEZL = 0x03;
    uint256 internal constant TGEI = 0x08;
    uint256 internal constant TGEIU = 0x09;
    uint256 internal constant TLTI = 0x0A;
    uint256 internal constant TLTIU = 0x0B;
    uint256 internal constant TEQI = 0x0C;
    uint256 internal constant TNEI = 0x0E;
    uint256 internal constant BLTZAL = 0x10;
    uint256 internal constant BGEZALL = 0x13;
}

/// Why an exception was raised: the manual's ExcCode numbers (Volume III, table 9-46).
library Cause {
    uint32 internal constant ADEL = 4;
    uint32 internal constant ADES = 5;
    uint32 internal constant SYS = 8;
    uint32 internal constant BP = 9;
    uint32 internal constant RI = 10;
    uint32 internal constant OV = 12;
    uint32 internal constant TR = 13;
}

/// The code field of a SYSCALL instruction that is a VM call.
library Call {
    uint256 internal constant HALT = 1;
    uint256 internal constant INPUT = 2;
    uint256 internal constant ORACLE_KEY = 3;
    uint256 internal constant ORACLE_READ = 4;
    uint256 internal constant WRITE = 5;
}

/// The number of the register that bits 25-21 name.
function rsOf(uint256 word) pure returns (uint256) {
    return word >> 21 & 31;
}

/// The number of the register that bits 20-16 name.
function rtOf(uint256 word) pure returns (uint256) {
    return word >> 16 & 31;
}

/// The number of the register that bits 15-11 name.
function rdOf(uint256 word) pure returns (uint256) {
    return word >> 11 & 31;
}

/// Bits 15-0, sign-extended to a register.
function immediateOf(uint256 word) pure returns (uint32) {
    return uint32(int32(int16(uint16(word))));
}
