// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Boundary} from "./Boundary.sol";

/// A level: histories of 2^height states after the first. `stake`: wei for a history that has no
/// rival yet; the k-th rival posts k times as much.
struct Level {
    uint8 height;
    Boundary boundary;
    uint88 stake;
}

/// The times in blocks of L1 (docs/dispute.md, "Times"): `confirmAfter` is T, `censorship` C,
/// `delay` δ and `compute` A. `bounty`: wei for one move on the winner's side. `sink` gets what
/// losers staked and bounties leave.
struct Terms {
    uint40 confirmAfter;
    uint40 censorship;
    uint40 delay;
    uint40 compute;
    uint88 bounty;
    address sink;
}

/// A dispute has 1 to 8 levels.
error WrongLevelCount(uint256 count);
/// A height is 1 to 32.
error WrongHeight(uint256 level, uint256 height);
/// A rival could cause more bounties than it has posted.
error StakeBelowBounties(uint256 level);
/// Censorship and delay could win against an honest party: T is not above what they may gain.
error BoundViolated(uint256 confirmAfter, uint256 allowance);

/// The terms that disputes are held on, fixed when the contract is made. Stands for
/// dispute/table.py. Nothing changes them: who has staked knows on what.
abstract contract Table {
    uint256 private constant MAX_LEVELS = 8;
    uint256 private constant MAX_HEIGHT = 32;

    uint40 internal immutable CONFIRM_AFTER;
    uint40 private immutable CENSORSHIP;
    uint40 private immutable DELAY;
    uint40 private immutable COMPUTE;
    uint88 internal immutable BOUNTY;
    address internal immutable SINK;
    /// The number of the finest level.
    uint8 internal immutable LAST_LEVEL;
    /// The heights, a byte each, from the lowest on.
    uint64 private immutable HEIGHTS;

    /// Written by the constructor alone.
    Level[MAX_LEVELS] private rows;

    constructor(Level[] memory levels_, Terms memory terms_) {
        uint256 count = levels_.length;
        // Positions are 64 bits, and heights are kept in as many.
        if (count == 0 || count > MAX_LEVELS) revert WrongLevelCount(count);
        uint256 moves = count + 1;
        uint256 heights;
        for (uint256 i = 0; i < count; ++i) {
            Level memory row = levels_[i];
            if (row.height == 0 || row.height > MAX_HEIGHT) revert WrongHeight(i, row.height);
            // Or the last of those who moved for the winner would find nothing left.
            if (row.stake < terms_.bounty * movesPerRival(row.height)) {
                revert StakeBelowBounties(i);
            }
            moves += row.height;
            heights |= uint256(row.height) << 8 * i;
            rows[i] = row;
        }
        uint256 allowance = terms_.censorship + (uint256(terms_.delay) + 1) * moves + terms_.compute;
        // Or a false history could be confirmed while the honest party is kept waiting.
        if (terms_.confirmAfter <= allowance) {
            revert BoundViolated(terms_.confirmAfter, allowance);
        }
        CONFIRM_AFTER = terms_.confirmAfter;
        CENSORSHIP = terms_.censorship;
        DELAY = terms_.delay;
        COMPUTE = terms_.compute;
        BOUNTY = terms_.bounty;
        SINK = terms_.sink;
        LAST_LEVEL = uint8(count - 1);
        HEIGHTS = uint64(heights);
    }

    /// The levels, from the coarsest to the finest.
    function levels() external view returns (Level[] memory found) {
        found = new Level[](uint256(LAST_LEVEL) + 1);
        for (uint256 i = 0; i < found.length; ++i) {
            found[i] = rows[i];
        }
    }

    /// The times, the bounty and the sink.
    function terms() external view returns (Terms memory) {
        return Terms(CONFIRM_AFTER, CENSORSHIP, DELAY, COMPUTE, BOUNTY, SINK);
    }

    /// A level that there is.
    function levelAt(uint8 number) internal view returns (Level memory) {
        return rows[number];
    }

    /// The height of a level that there is; reads no storage.
    function heightAt(uint8 number) internal view returns (uint8) {
        return uint8(HEIGHTS >> 8 * uint256(number));
    }

    /// The most bounties that one more rival can cost: for the bisections on the one path on which it
    /// differs from the winner, for the move at its end, for opening the winner and confirming it.
    function movesPerRival(uint8 height) internal pure returns (uint256) {
        return uint256(height) + 3;
    }
}
