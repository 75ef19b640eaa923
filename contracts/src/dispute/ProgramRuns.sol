// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Program} from "../Program.sol";
import {Boundary, WrongOutcomeProof} from "./Boundary.sol";

/// From a history of words, each the outcome of a program on the one before it, to the runs of that
/// program in the VM.
contract ProgramRuns is Boundary {
    /// The program that is run.
    Program public immutable PROGRAM;

    constructor(Program program) {
        PROGRAM = program;
    }

    /// The genesis of the program on the word `pre`.
    function start(bytes32, uint64, bytes32 pre) external view returns (bytes32) {
        return PROGRAM.initialStateHash(pre);
    }

    /// The outcome of the state that packs to `proof`, which has to be the one that hashes to `end`.
    function outcome(bytes32 end, bytes calldata proof) external view returns (bytes32) {
        if (keccak256(proof) != end) revert WrongOutcomeProof();
        return PROGRAM.outcome(proof);
    }
}
