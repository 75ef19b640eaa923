// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {KECCAK_TYPE, SHA256_TYPE} from "./Isa.sol";

/// Parts of preimages for the step contract (docs/vm.md, "Preimages"). Whoever has a preimage may
/// load its part at any offset; the contract hashes the whole of it, so a part is true whoever
/// loaded it, and loading it again changes nothing.
contract PreimageOracle {
    /// What a step reads at one offset: up to 32 bytes, padded with zeros, and the length of the
    /// whole preimage; both zero at its end and behind it.
    struct Part {
        bytes32 data;
        bool loaded;
        uint32 length;
    }

    /// A part of the preimage of `key` can be read from now on.
    event PartLoaded(bytes32 indexed key, uint32 offset, uint32 length);

    /// The part that a step reads has to be loaded first.
    error PreimageNotLoaded(bytes32 key, uint32 offset);
    /// A preimage has at most MAX_PREIMAGE bytes.
    error PreimageTooLarge(uint256 length);

    /// The longest preimage, in bytes: what L1 hashes in one transaction. Larger data is a tree.
    uint256 public constant MAX_PREIMAGE = 32 * 1024;

    mapping(bytes32 key => mapping(uint32 offset => Part)) private parts;

    /// Loads the part at `offset` of a preimage named by its keccak256.
    function loadKeccak256(bytes calldata preimage, uint32 offset) external returns (bytes32 key) {
        key = keyOf(KECCAK_TYPE, keccak256(preimage));
        load(key, preimage, offset);
    }

    /// Loads the part at `offset` of a preimage named by its sha256.
    function loadSha256(bytes calldata preimage, uint32 offset) external returns (bytes32 key) {
        key = keyOf(SHA256_TYPE, sha256(preimage));
        load(key, preimage, offset);
    }

    /// The part of the preimage of `key` at `offset`, and the preimage's length; zero and zero if
    /// the offset is not before the end.
    function read(bytes32 key, uint32 offset) external view returns (bytes32 data, uint256 length) {
        Part storage part = parts[key][offset];
        if (!part.loaded) revert PreimageNotLoaded(key, offset);
        return (part.data, part.length);
    }

    /// Whether `read` of these returns.
    function isLoaded(bytes32 key, uint32 offset) external view returns (bool) {
        return parts[key][offset].loaded;
    }

    /// The type byte, and the last 31 bytes of the digest.
    function keyOf(uint256 kind, bytes32 digest) private pure returns (bytes32) {
        return bytes32(kind << 248 | uint248(uint256(digest)));
    }

    function load(bytes32 key, bytes calldata preimage, uint32 offset) private {
        if (preimage.length > MAX_PREIMAGE) revert PreimageTooLarge(preimage.length);
        Part storage part = parts[key][offset];
        part.loaded = true;
        if (offset < preimage.length) {
            part.length = uint32(preimage.length);
            // The conversion cuts after 32 bytes, and pads what is shorter with zeros.
            part.data = bytes32(preimage[offset:]);
        }
        emit PartLoaded(key, offset, part.length);
    }
}
