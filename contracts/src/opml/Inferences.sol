// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Program} from "../Program.sol";
import {Runs} from "../dispute/Runs.sol";

/// A model, by its address, on an input, by its hash.
struct Inference {
    bytes32 model;
    bytes32 inputHash;
}

/// The boundary of disputes about inferences, for both levels that know what an inference is
/// (docs/mlvm.md, "The game"): level 0, whose states are those of the model's run, and the first
/// level of the VM, which has the runs of the guest that computes one task.
///
/// An origin is the hash of what it is of, so it can be registered by anybody, and as nothing else.
contract Inferences is Runs {
    /// Disputes about an inference can be held from now on.
    event Registered(bytes32 indexed origin, bytes32 indexed model, bytes32 indexed inputHash);

    /// Nobody has said what this is the origin of.
    error UnknownInference(bytes32 origin);

    mapping(bytes32 origin => Inference) private inferences;

    /// @param guest Computes one task: programs/mlrun.
    constructor(Program guest) Runs(guest) {}

    /// Make an inference known by its origin. Once is enough; to repeat it changes nothing.
    function register(bytes32 model, bytes32 inputHash) external returns (bytes32 origin) {
        origin = originOf(model, inputHash);
        if (isOf(inferences[origin], origin)) return origin;
        inferences[origin] = Inference(model, inputHash);
        emit Registered(origin, model, inputHash);
    }

    /// S(0) of the inference at level 0 (index 0, `pre` zero); below it, the genesis of the guest on
    /// the word that asks for task `index` in the state `pre`.
    function start(bytes32 origin, uint64 index, bytes32 pre) external view returns (bytes32) {
        Inference memory inference = inferenceOf(origin);
        // No task starts like this: the state at index 0 is S(0), a hash that was computed here.
        if (index == 0 && pre == 0) {
            return keccak256(abi.encodePacked("input", inference.inputHash));
        }
        // Model and index are part of the word: or a run of another model's task, or of another task
        // of this one, would do.
        return PROGRAM.initialStateHash(
            keccak256(abi.encodePacked("task", inference.model, index, pre))
        );
    }

    /// What a registered origin is of.
    function inferenceOf(bytes32 origin) public view returns (Inference memory inference) {
        inference = inferences[origin];
        // Or S(0) would follow from what was never written.
        if (!isOf(inference, origin)) revert UnknownInference(origin);
    }

    /// The origin of disputes about an inference. The tag keeps it apart from all other hashes.
    function originOf(bytes32 model, bytes32 inputHash) public pure returns (bytes32) {
        return keccak256(abi.encodePacked("inference", model, inputHash));
    }

    function isOf(Inference memory inference, bytes32 origin) private pure returns (bool) {
        return originOf(inference.model, inference.inputHash) == origin;
    }
}
