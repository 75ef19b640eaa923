// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Program} from "../Program.sol";
import {Boundary, WrongOutcomeProof} from "./Boundary.sol";

/// From a history of words to the runs of a program in the VM: each word is the outcome of a run that
/// follows from the word before it. How it follows is for the contracts that are of this kind to say.
abstract contract Runs is Boundary {
    /// The program that is run.
    Program public immutable PROGRAM;

    constructor(Program program) {
        PROGRAM = program;
    }

    /// The outcome of the state that packs to `proof`, which has to be the one that hashes to `end`.
    function outcome(bytes32 end, bytes calldata proof) external view returns (bytes32) {
        // Or a run could be given the outcome of another one.
        if (keccak256(proof) != end) revert WrongOutcomeProof();
        return PROGRAM.outcome(proof);
    }
}
