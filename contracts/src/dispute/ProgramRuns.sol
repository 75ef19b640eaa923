// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Program} from "../Program.sol";
import {Runs} from "./Runs.sol";

/// From a history of words, each the outcome of a program on the one before it, to the runs of that
/// program in the VM.
contract ProgramRuns is Runs {
    constructor(Program program) Runs(program) {}

    /// The genesis of the program on the word `pre`.
    function start(bytes32, uint64, bytes32 pre) external view returns (bytes32) {
        return PROGRAM.initialStateHash(pre);
    }
}
