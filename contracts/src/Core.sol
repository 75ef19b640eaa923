// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// A state while it is stepped: a pointer to its 290 packed bytes in memory, patched in place, and
/// behind them what is left of the proof. Stands for `Core` in fpvm/step.py and `State` in
/// fpvm/state.py.
type Core is uint256;

using CoreLib for Core global;

/// A packed state has 290 bytes.
error WrongStateLength(uint256 length);
/// The field `exited` is neither 0 nor 1.
error WrongExited(uint256 exited);
/// Register 0 is not zero.
error WrongRegisterZero(uint256 value);

/// The layout of a state (docs/vm.md, "State"), and access to its fields.
/// @dev The assembly reads and writes big-endian fields at any byte of the packing, which Solidity
/// cannot. A value is shifted to the top of its word before it is stored, so bits above its type,
/// which Solidity does not promise to be clean, fall off.
library CoreLib {
    uint256 internal constant STATE_SIZE = 290;

    uint256 private constant MEM_ROOT = 0;
    uint256 private constant INPUT = 32;
    uint256 private constant OUTPUT = 64;
    uint256 private constant ORACLE_KEY = 96;
    uint256 private constant PC = 128;
    uint256 private constant NEXT_PC = 132;
    uint256 private constant HI = 136;
    uint256 private constant LO = 140;
    uint256 private constant LL_ADDR = 144;
    uint256 private constant LL_VALUE = 148;
    uint256 private constant EXITED = 152;
    uint256 private constant EXIT_CODE = 153;
    uint256 private constant STEP = 154;
    uint256 private constant REGS = 162;
    /// Behind the state, rounded up to words: where in calldata the proof starts, its unread rest
    /// starts, and the proof ends.
    uint256 private constant PROOF_START = 320;
    uint256 private constant PROOF_REST = 352;
    uint256 private constant PROOF_END = 384;
    uint256 private constant CORE_SIZE = 416;

    /// The state that packs to `state`. A state has one packing, or two hashes would name one
    /// state; so other bytes revert.
    function unpack(bytes calldata state) internal pure returns (Core core) {
        if (state.length != STATE_SIZE) revert WrongStateLength(state.length);
        assembly ("memory-safe") {
            core := mload(0x40)
            mstore(0x40, add(core, CORE_SIZE))
            calldatacopy(core, state.offset, STATE_SIZE)
        }
        if (core.byteAt(EXITED) > 1) revert WrongExited(core.byteAt(EXITED));
        if (core.reg(0) != 0) revert WrongRegisterZero(core.reg(0));
    }

    /// A state of zeros.
    function zero() internal pure returns (Core core) {
        assembly ("memory-safe") {
            core := mload(0x40)
            mstore(0x40, add(core, CORE_SIZE))
            // Past the end of calldata there are zeros.
            calldatacopy(core, calldatasize(), STATE_SIZE)
        }
    }

    /// The state hash: keccak256 of the packing.
    function hash(Core core) internal pure returns (bytes32 digest) {
        assembly ("memory-safe") {
            digest := keccak256(core, STATE_SIZE)
        }
    }

    // --- Words of 32 bytes ---

    function memRoot(Core core) internal pure returns (bytes32) {
        return core.wordAt(MEM_ROOT);
    }

    function setMemRoot(Core core, bytes32 value) internal pure {
        core.setWordAt(MEM_ROOT, value);
    }

    function input(Core core) internal pure returns (bytes32) {
        return core.wordAt(INPUT);
    }

    function setInput(Core core, bytes32 value) internal pure {
        core.setWordAt(INPUT, value);
    }

    function output(Core core) internal pure returns (bytes32) {
        return core.wordAt(OUTPUT);
    }

    function setOutput(Core core, bytes32 value) internal pure {
        core.setWordAt(OUTPUT, value);
    }

    function oracleKey(Core core) internal pure returns (bytes32) {
        return core.wordAt(ORACLE_KEY);
    }

    function setOracleKey(Core core, bytes32 value) internal pure {
        core.setWordAt(ORACLE_KEY, value);
    }

    // --- Registers ---

    function pc(Core core) internal pure returns (uint32) {
        return core.uint32At(PC);
    }

    function setPc(Core core, uint32 value) internal pure {
        core.setUint32At(PC, value);
    }

    function nextPc(Core core) internal pure returns (uint32) {
        return core.uint32At(NEXT_PC);
    }

    function setNextPc(Core core, uint32 value) internal pure {
        core.setUint32At(NEXT_PC, value);
    }

    function hi(Core core) internal pure returns (uint32) {
        return core.uint32At(HI);
    }

    function setHi(Core core, uint32 value) internal pure {
        core.setUint32At(HI, value);
    }

    function lo(Core core) internal pure returns (uint32) {
        return core.uint32At(LO);
    }

    function setLo(Core core, uint32 value) internal pure {
        core.setUint32At(LO, value);
    }

    function llAddr(Core core) internal pure returns (uint32) {
        return core.uint32At(LL_ADDR);
    }

    function setLlAddr(Core core, uint32 value) internal pure {
        core.setUint32At(LL_ADDR, value);
    }

    function llValue(Core core) internal pure returns (uint32) {
        return core.uint32At(LL_VALUE);
    }

    function setLlValue(Core core, uint32 value) internal pure {
        core.setUint32At(LL_VALUE, value);
    }

    /// Register `number`, which is below 32.
    function reg(Core core, uint256 number) internal pure returns (uint32) {
        unchecked {
            return core.uint32At(REGS + 4 * number);
        }
    }

    function setReg(Core core, uint256 number, uint32 value) internal pure {
        unchecked {
            core.setUint32At(REGS + 4 * number, value);
        }
    }

    // --- The end, and the count of steps ---

    function exited(Core core) internal pure returns (bool) {
        return core.byteAt(EXITED) != 0;
    }

    function exitCode(Core core) internal pure returns (uint8) {
        return uint8(core.byteAt(EXIT_CODE));
    }

    /// Exit with `code`.
    function exit(Core core, uint8 code) internal pure {
        assembly ("memory-safe") {
            mstore8(add(core, EXITED), 1)
            // mstore8 takes the lowest byte.
            mstore8(add(core, EXIT_CODE), code)
        }
    }

    /// step ← step + 1, modulo 2^64.
    function countStep(Core core) internal pure {
        assembly ("memory-safe") {
            let field := add(core, STEP)
            let word := mload(field)
            let step := shl(192, add(shr(192, word), 1))
            mstore(field, or(step, shr(64, shl(64, word))))
        }
    }

    // --- The rest of the proof ---

    /// The proof that `core` is stepped with: the bytes of calldata in [start, end).
    function setProof(Core core, uint256 start, uint256 end) internal pure {
        core.setWordAt(PROOF_START, bytes32(start));
        core.setWordAt(PROOF_REST, bytes32(start));
        core.setWordAt(PROOF_END, bytes32(end));
    }

    function proofStart(Core core) internal pure returns (uint256) {
        return uint256(core.wordAt(PROOF_START));
    }

    function proofRest(Core core) internal pure returns (uint256) {
        return uint256(core.wordAt(PROOF_REST));
    }

    function setProofRest(Core core, uint256 start) internal pure {
        core.setWordAt(PROOF_REST, bytes32(start));
    }

    function proofEnd(Core core) internal pure returns (uint256) {
        return uint256(core.wordAt(PROOF_END));
    }

    // --- Bytes ---

    function wordAt(Core core, uint256 offset) internal pure returns (bytes32 value) {
        assembly ("memory-safe") {
            value := mload(add(core, offset))
        }
    }

    function setWordAt(Core core, uint256 offset, bytes32 value) internal pure {
        assembly ("memory-safe") {
            mstore(add(core, offset), value)
        }
    }

    function uint32At(Core core, uint256 offset) internal pure returns (uint32 value) {
        assembly ("memory-safe") {
            value := shr(224, mload(add(core, offset)))
        }
    }

    function setUint32At(Core core, uint256 offset, uint32 value) internal pure {
        assembly ("memory-safe") {
            let field := add(core, offset)
            // The 28 bytes behind the field stay.
            mstore(field, or(shl(224, value), shr(32, shl(32, mload(field)))))
        }
    }

    function byteAt(Core core, uint256 offset) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := byte(0, mload(add(core, offset)))
        }
    }
}
