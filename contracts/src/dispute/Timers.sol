// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// How long a node counts, in blocks of L1: 40 bits, and no further (docs/dispute.md, "Timers").
type Timer is uint40;

using Timers for Timer global;
using {exceeds as >} for Timer global;

// What has been proved counts for ever.
Timer constant INFINITE = Timer.wrap(type(uint40).max);

function exceeds(Timer left, Timer right) pure returns (bool) {
    return Timer.unwrap(left) > Timer.unwrap(right);
}

/// Arithmetic of timers. A sum stops at INFINITE: one that wrapped would make what has been proved
/// count for nothing.
library Timers {
    /// λ: the blocks that a node has been without a rival, from when it was created to when it got
    /// one (0: not yet, so until now). A node that came when it had one already counts for nothing.
    function local(uint40 created, uint40 rivalled) internal view returns (Timer) {
        uint40 end = rivalled == 0 ? uint40(block.number) : rivalled;
        unchecked {
            return Timer.wrap(end > created ? end - created : 0);
        }
    }

    /// The two, one after the other.
    function plus(Timer left, Timer right) internal pure returns (Timer) {
        unchecked {
            // Of 41 bits, in 256.
            uint256 sum = uint256(Timer.unwrap(left)) + Timer.unwrap(right);
            return sum < type(uint40).max ? Timer.wrap(uint40(sum)) : INFINITE;
        }
    }

    /// The shorter one.
    function min(Timer left, Timer right) internal pure returns (Timer) {
        return left > right ? right : left;
    }

    /// The longer one.
    function max(Timer left, Timer right) internal pure returns (Timer) {
        return left > right ? left : right;
    }
}
