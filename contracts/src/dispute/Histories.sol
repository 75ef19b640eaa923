// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// A path of this length proves an inner node, or nothing, instead of a state.
error WrongPathLength(uint256 length, uint256 expected);

/// Commitments to histories, and which states they end in (docs/history.md). Stands for
/// fpvm/history.py. The three tags keep the three meanings of a hash apart: without them an inner
/// node could be passed off as a leaf, or a prefix as a stretch.
library Histories {
    /// The commitment to one state.
    function leaf(bytes32 state) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(uint8(0), state));
    }

    /// The span that two adjacent spans of equal depth make.
    function node(bytes32 left, bytes32 right) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(uint8(1), left, right));
    }

    /// The prefix that a prefix and the span after it make.
    function base(bytes32 left, bytes32 right) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(uint8(2), left, right));
    }

    /// The base at `pos` of which `path` proves that it ends in `state`: the left siblings on the
    /// right-most path, from the leaf up, and at last the prefix before the span that it is in.
    function baseEndingIn(uint64 pos, bytes32 state, bytes32[] calldata path)
        internal
        pure
        returns (bytes32 result)
    {
        uint256 length = pos == 0 ? 0 : trailingZeros(pos) + 1;
        checkLength(path, length);
        if (length == 0) return leaf(state);
        return base(path[length - 1], fold(state, path[:length - 1]));
    }

    /// The span of 2^height states of which `path` proves that its last state is `state`: the left
    /// siblings from its leaf up.
    function spanEndingIn(uint8 height, bytes32 state, bytes32[] calldata path)
        internal
        pure
        returns (bytes32)
    {
        checkLength(path, height);
        return fold(state, path);
    }

    /// The span that ends in `state` behind these siblings.
    function fold(bytes32 state, bytes32[] calldata siblings)
        private
        pure
        returns (bytes32 result)
    {
        result = leaf(state);
        for (uint256 i = 0; i < siblings.length; ++i) {
            result = node(siblings[i], result);
        }
    }

    /// The length is known beforehand: of a shorter path the "state" would be an inner node, and of a
    /// longer one an inner node would be taken for the whole.
    function checkLength(bytes32[] calldata path, uint256 expected) private pure {
        if (path.length != expected) revert WrongPathLength(path.length, expected);
    }

    /// How many bisections to the left end at `pos`, which is not 0.
    function trailingZeros(uint64 pos) private pure returns (uint256 zeros) {
        while (pos & 1 == 0) {
            pos >>= 1;
            ++zeros;
        }
    }
}
