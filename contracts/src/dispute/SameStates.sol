// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Boundary, WrongOutcomeProof} from "./Boundary.sol";

/// Between two levels of the VM: the states of the coarser one are among those of the finer one.
contract SameStates is Boundary {
    /// The step's own first state.
    function start(bytes32, uint64, bytes32 pre) external pure returns (bytes32) {
        return pre;
    }

    /// The last state itself; `proof` is empty, so that a move has one encoding.
    function outcome(bytes32 end, bytes calldata proof) external pure returns (bytes32) {
        if (proof.length != 0) revert WrongOutcomeProof();
        return end;
    }
}
