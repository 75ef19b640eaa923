// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Boundary, NothingCoarser} from "./Boundary.sol";

/// The native level of a dispute about words: its origin is the word that the history starts with.
contract GivenWords is Boundary {
    /// The origin.
    function start(bytes32 origin, uint64, bytes32) external pure returns (bytes32) {
        return origin;
    }

    function outcome(bytes32, bytes calldata) external pure returns (bytes32) {
        revert NothingCoarser();
    }
}
