// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Histories} from "./Histories.sol";

/// A claim: after the prefix that `base` commits to, which ends at S(pos), come the 2^depth states
/// that `span` commits to. `origin`: what the history is of. Stands for `Node` in dispute/graph.py.
struct Node {
    bytes32 origin;
    uint8 level;
    uint8 depth;
    uint64 pos;
    bytes32 base;
    bytes32 span;
}

/// Names of nodes, and their halves. The tags 3 and 4 are none of those of histories: no name can be
/// passed off as a commitment.
library Nodes {
    /// The name of what all rivals of a node have in common: all but the span. The base is part of
    /// it: a node behind a false prefix is no rival of an honest one, and cannot be taken for it.
    function cohort(Node memory node) internal pure returns (bytes32) {
        return keccak256(
            abi.encodePacked(uint8(3), node.origin, node.level, node.depth, node.pos, node.base)
        );
    }

    /// The node's name, in its cohort.
    function id(Node memory node, bytes32 cohortId) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(uint8(4), cohortId, node.span));
    }

    /// The node's name.
    function id(Node memory node) internal pure returns (bytes32) {
        return id(node, cohort(node));
    }

    /// The node of a whole history, from S(0) = `first` on, 2^height states.
    function root(bytes32 origin, uint8 level, uint8 height, bytes32 first, bytes32 span)
        internal
        pure
        returns (Node memory)
    {
        return Node(origin, level, height, 0, Histories.leaf(first), span);
    }

    /// The left one of the two nodes that a node of depth 1 or more is bisected into, if its span is
    /// that of `left` and something else.
    function leftHalf(Node memory node, bytes32 left) internal pure returns (Node memory) {
        return Node(node.origin, node.level, node.depth - 1, node.pos, node.base, left);
    }

    /// The right one. Its base holds the left one, and so is computed and taken from nobody.
    function rightHalf(Node memory node, bytes32 left, bytes32 right)
        internal
        pure
        returns (Node memory)
    {
        uint8 depth = node.depth - 1;
        uint64 pos = node.pos + (uint64(1) << depth);
        return Node(node.origin, node.level, depth, pos, Histories.base(node.base, left), right);
    }
}
