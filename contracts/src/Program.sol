// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Core, CoreLib} from "./Core.sol";

/// A program of the virtual machine: its genesis, and what its states mean (docs/vm.md, "State").
/// The program is what memory holds at the start and where execution begins; both are fixed when
/// the contract is made, so what the contract stands for cannot change.
contract Program {
    /// The root of memory at the start.
    bytes32 public immutable MEM_ROOT;
    /// Where execution begins.
    uint32 public immutable PC;

    constructor(bytes32 memRoot, uint32 pc) {
        MEM_ROOT = memRoot;
        PC = pc;
    }

    /// The hash of the first state of this program on `input`.
    function initialStateHash(bytes32 input) external view returns (bytes32) {
        Core core = CoreLib.zero();
        core.setMemRoot(MEM_ROOT);
        core.setPc(PC);
        unchecked {
            core.setNextPc(PC + 4);
        }
        core.setInput(input);
        return core.hash();
    }

    /// What the packed `state` says the program computes, one word: every state has an outcome. The
    /// caller knows the state by its keccak256.
    function outcome(bytes calldata state) external pure returns (bytes32) {
        Core core = CoreLib.unpack(state);
        if (!core.exited()) return keccak256("running");
        uint8 code = core.exitCode();
        if (code != 0) return keccak256(abi.encodePacked("failed", code, core.output()));
        return core.output();
    }
}
