// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Core} from "./Core.sol";

/// The proof has another length than what the step uses: `used` bytes, or more.
error WrongProofLength(uint256 length, uint256 used);
/// The next leaf of the proof is not the one at `leafAddress` under memRoot.
error LeafNotInMemory(uint256 leafAddress);

/// Memory as a step sees it: leaves of 32 bytes, each proved against memRoot (docs/vm.md, "Memory"
/// and "Witness"). Stands for `_WitnessMemory` in fpvm/proof.py and `root_of` in fpvm/merkle.py.
///
/// The proof is a tape: a step takes the proof of its code leaf from it, then that of its data leaf,
/// and must then be at its end.
library Leaves {
    uint256 internal constant LEAF = 32;
    uint256 private constant SIBLINGS_SIZE = 27 * 32;
    uint256 private constant PROOF_SIZE = LEAF + SIBLINGS_SIZE;

    /// The leaf at `leafAddress`, any address within it: the next on the tape, checked against
    /// memRoot.
    function readLeaf(Core core, uint256 leafAddress) internal pure returns (uint256 leaf) {
        uint256 proof = core.proofRest();
        unchecked {
            if (core.proofEnd() - proof < PROOF_SIZE) revertProofLength(core, proof + PROOF_SIZE);
            core.setProofRest(proof + PROOF_SIZE);
            leaf = calldataWord(proof);
            if (rootOf(leafAddress, leaf, proof + LEAF) != core.memRoot()) {
                revert LeafNotInMemory(leafAddress);
            }
        }
    }

    /// Replaces the leaf that was read last, which is the one at `leafAddress`: memRoot becomes the
    /// root over the same siblings, which the read has checked.
    function writeLeaf(Core core, uint256 leafAddress, uint256 leaf) internal pure {
        unchecked {
            core.setMemRoot(rootOf(leafAddress, leaf, core.proofRest() - SIBLINGS_SIZE));
        }
    }

    /// The `size` bytes of `leaf` from `start` on, which must not reach beyond it, big-endian.
    function part(uint256 leaf, uint256 start, uint256 size) internal pure returns (uint256) {
        unchecked {
            return leaf >> 8 * (LEAF - start - size) & mask(size);
        }
    }

    /// `leaf` with the low `size` bytes of `value` from `start` on.
    function patched(uint256 leaf, uint256 start, uint256 size, uint256 value)
        internal
        pure
        returns (uint256)
    {
        unchecked {
            uint256 shift = 8 * (LEAF - start - size);
            return (leaf & ~(mask(size) << shift)) | (value & mask(size)) << shift;
        }
    }

    /// The low `size` bytes, 32 at the most: 1 << 256 is 0 here, and 0 - 1 is all of them.
    function mask(uint256 size) private pure returns (uint256) {
        unchecked {
            return (1 << 8 * size) - 1;
        }
    }

    /// No byte of a proof may be left over: a proof with bytes to spare has two encodings.
    function checkUsed(Core core) internal pure {
        if (core.proofRest() != core.proofEnd()) revertProofLength(core, core.proofRest());
    }

    /// The root of the memory that has `leaf` at `leafAddress`, with the siblings, from the bottom
    /// up, in calldata at `siblings`.
    function rootOf(uint256 leafAddress, uint256 leaf, uint256 siblings)
        private
        pure
        returns (bytes32 node)
    {
        // node, index = leaf, address // LEAF_SIZE
        // for sibling in siblings:
        //     node = keccak256(sibling + node if index & 1 else node + sibling)
        //     index >>= 1
        assembly ("memory-safe") {
            node := leaf
            let index := shr(5, leafAddress)
            for { let end := add(siblings, SIBLINGS_SIZE) } lt(siblings, end) {
                siblings := add(siblings, 32)
            } {
                // Scratch space holds two words; the node is the second if it is a right child.
                let place := shl(5, and(index, 1))
                mstore(place, node)
                mstore(xor(place, 32), calldataload(siblings))
                node := keccak256(0, 64)
                index := shr(1, index)
            }
        }
    }

    function calldataWord(uint256 offset) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := calldataload(offset)
        }
    }

    /// The step uses the tape up to `end`, or further.
    function revertProofLength(Core core, uint256 end) private pure {
        unchecked {
            uint256 start = core.proofStart();
            revert WrongProofLength(core.proofEnd() - start, end - start);
        }
    }
}
