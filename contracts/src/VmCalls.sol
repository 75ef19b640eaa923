// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Core} from "./Core.sol";
import {Flow, NEXT, fault} from "./Flow.sol";
import {A0, A1, A2, Cause, KECCAK_TYPE, NULL_GUARD, SHA256_TYPE, V0, V1} from "./Isa.sol";
import {Leaves} from "./Leaves.sol";
import {PreimageOracle} from "./PreimageOracle.sol";

/// The VM calls. The functions of fpvm/step.py, in its order.
library VmCalls {
    using Leaves for Core;

    /// Whether a VM call may take the leaf at `leafAddress`: a multiple of 32, above the null guard.
    function isWholeLeaf(uint32 leafAddress) private pure returns (bool) {
        return leafAddress % Leaves.LEAF == 0 && leafAddress >= NULL_GUARD;
    }

    function halt(Core core) internal pure returns (Flow) {
        uint32 leafAddress = core.reg(A1);
        if (!isWholeLeaf(leafAddress)) return fault(Cause.ADEL);
        core.setOutput(bytes32(core.readLeaf(leafAddress)));
        core.exit(uint8(core.reg(A0)));
        return NEXT;
    }

    function giveInput(Core core) internal pure returns (Flow) {
        uint32 leafAddress = core.reg(A0);
        if (!isWholeLeaf(leafAddress)) return fault(Cause.ADES);
        core.readLeaf(leafAddress); // what it held does not matter, that it is the leaf there does
        core.writeLeaf(leafAddress, uint256(core.input()));
        return NEXT;
    }

    function selectPreimage(Core core) internal pure returns (Flow) {
        uint32 leafAddress = core.reg(A0);
        if (!isWholeLeaf(leafAddress)) return fault(Cause.ADEL);
        core.setOracleKey(bytes32(core.readLeaf(leafAddress)));
        return NEXT;
    }

    /// Copies up to the end of one leaf; v0 takes how many bytes, v1 the preimage's length.
    function readPreimage(Core core, PreimageOracle oracle) internal view returns (Flow) {
        unchecked {
            uint32 to = core.reg(A0);
            uint32 offset = core.reg(A1);
            if (to < NULL_GUARD) return fault(Cause.ADES);
            uint256 start = to % Leaves.LEAF;
            uint256 leaf = core.readLeaf(to);
            uint256 size = 0;
            uint256 length = 0;
            bytes32 key = core.oracleKey();
            if (uint8(key[0]) == KECCAK_TYPE || uint8(key[0]) == SHA256_TYPE) {
                bytes32 part;
                // (0, 0) if the offset is not before the end.
                (part, length) = oracle.read(key, offset);
                if (length != 0) {
                    size = min(Leaves.LEAF - start, length - offset);
                    uint256 value = uint256(part) >> 8 * (Leaves.LEAF - size);
                    leaf = Leaves.patched(leaf, start, size, value);
                }
            }
            core.writeLeaf(to, leaf);
            core.setReg(V0, uint32(size));
            core.setReg(V1, uint32(length));
            return NEXT;
        }
    }

    function min(uint256 left, uint256 right) private pure returns (uint256) {
        return left < right ? left : right;
    }

    /// Console output and hints: for the people who watch, without effect here.
    function write(Core core) internal pure returns (Flow) {
        core.setReg(V0, core.reg(A2));
        return NEXT;
    }
}
