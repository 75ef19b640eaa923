// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Node, Nodes} from "./Nodes.sol";
import {Timer, Timers} from "./Timers.sol";

/// What L1 keeps of a node, in one slot: the block in which it was created, the timer that was stored
/// last, whose move created it; whether it is known to be on the side of a winner, and whether the
/// bounty for what was done with it has been claimed.
struct Record {
    uint40 created;
    Timer timer;
    address mover;
    bool won;
    bool paid;
}

/// What L1 keeps of nodes that are rivals: the block in which the second of them came (0: not yet),
/// and how many there are. Right halves are not counted (see `_addHalves`).
struct Cohort {
    uint40 rivalled;
    uint32 count;
}

/// What L1 keeps of the node of a whole history besides: the terminal that it refines, and how
/// manieth of its contest it is, from 1.
struct Root {
    bytes32 claim;
    uint32 rank;
}

/// The graph of all disputes. Stands for dispute/graph.py. Halves are not stored: whoever moves gives
/// them, and the node's span says whether they are right. A node has been bisected if its right half
/// is there, for the base of that one holds the left one.
abstract contract Graph {
    using Nodes for Node;

    /// There is no such node.
    error UnknownNode(bytes32 id);

    mapping(bytes32 id => Record) internal records;
    mapping(bytes32 id => Cohort) internal cohorts;
    mapping(bytes32 id => Root) internal roots;

    // --- Views ---

    /// A node's record; of zeros, if there is no such node.
    function node(bytes32 id) external view returns (Record memory) {
        return records[id];
    }

    /// What nodes of a cohort share; zeros, if there are none.
    function cohort(bytes32 id) external view returns (Cohort memory) {
        return cohorts[id];
    }

    /// What belongs to a root besides its record; zeros, if it is none.
    function root(bytes32 id) external view returns (Root memory) {
        return roots[id];
    }

    // --- Growing ---

    /// A root that is not there yet joins its contest, as the one of this rank.
    function _addRoot(bytes32 id, bytes32 cohortId, bytes32 claim, uint32 rank) internal {
        _join(cohortId);
        _create(id);
        roots[id] = Root(claim, rank);
    }

    /// The halves of a node that has none. The left one may be there, as that of a rival.
    ///
    /// The rivals of the right one are those that stand beside the same left one, for their base
    /// holds it. So there is one if and only if the left one is there, and nobody need count them.
    function _addHalves(Node memory left, Node memory right) internal {
        bytes32 cohortId = left.cohort();
        bytes32 leftId = left.id(cohortId);
        bytes32 rightCohortId = right.cohort();
        if (_isThere(leftId)) {
            _rival(cohorts[rightCohortId]);
        } else {
            _join(cohortId);
            _create(leftId);
        }
        _create(right.id(rightCohortId));
    }

    /// One more in a cohort.
    function _join(bytes32 cohortId) private {
        Cohort storage others = cohorts[cohortId];
        if (others.count != 0) _rival(others);
        ++others.count;
    }

    /// The nodes of a cohort have a rival from now on, unless they have had one before.
    function _rival(Cohort storage others) private {
        if (others.rivalled == 0) others.rivalled = uint40(block.number);
    }

    function _create(bytes32 id) private {
        Record storage record = records[id];
        record.created = uint40(block.number);
        record.mover = msg.sender;
    }

    // --- Reading ---

    /// Whether there is such a node: somebody made it.
    function _isThere(bytes32 id) internal view returns (bool) {
        return records[id].mover != address(0);
    }

    /// The names of a node that is there, and of its cohort. Callers give whole nodes, and could give
    /// any: what they say counts only because its name is found.
    function _known(Node memory given) internal view returns (bytes32 id, bytes32 cohortId) {
        cohortId = given.cohort();
        id = given.id(cohortId);
        if (!_isThere(id)) revert UnknownNode(id);
    }

    /// λ of a node of this cohort.
    function _localTimer(bytes32 id, bytes32 cohortId) internal view returns (Timer) {
        return Timers.local(records[id].created, cohorts[cohortId].rivalled);
    }

    /// What counts for a half when its parent is updated: what is stored, or λ.
    function _effectiveTimer(Node memory half) internal view returns (Timer) {
        bytes32 cohortId = half.cohort();
        bytes32 id = half.id(cohortId);
        return records[id].timer.max(_localTimer(id, cohortId));
    }
}
