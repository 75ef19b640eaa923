// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// Hashes of bytes, such as a model's input and output (docs/mlvm.md, "Commitments"). Stands for
/// mlvm/trees.py.
library ByteTrees {
    uint256 private constant LEAF_SIZE = 1024;

    /// The hash of bytes. It holds their length: behind the end of the last leaf are zeros, which
    /// could be taken for data.
    function hashOf(bytes calldata data) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked("bytes", uint64(data.length), root(data)));
    }

    /// The root of the tree over leaves of 1 KiB, of which there are a power of two.
    function root(bytes calldata data) private pure returns (bytes32) {
        uint256 count = 1;
        while (count * LEAF_SIZE < data.length) count *= 2;
        bytes32[] memory nodes = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            nodes[i] = leaf(data, i * LEAF_SIZE);
        }
        for (; count > 1; count /= 2) {
            for (uint256 i = 0; i < count / 2; ++i) {
                nodes[i] = keccak256(abi.encodePacked(uint8(1), nodes[2 * i], nodes[2 * i + 1]));
            }
        }
        return nodes[0];
    }

    /// The leaf whose first byte is number `start`, if there is one.
    function leaf(bytes calldata data, uint256 start) private pure returns (bytes32) {
        uint256 first = start < data.length ? start : data.length;
        uint256 end = start + LEAF_SIZE < data.length ? start + LEAF_SIZE : data.length;
        bytes memory padding = new bytes(LEAF_SIZE - (end - first));
        return keccak256(abi.encodePacked(uint8(0), data[first:end], padding));
    }
}
