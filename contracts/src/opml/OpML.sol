// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Dispute} from "../dispute/Dispute.sol";
import {Histories} from "../dispute/Histories.sol";
import {Node, Nodes} from "../dispute/Nodes.sol";
import {Level} from "../dispute/Table.sol";
import {ByteTrees} from "./ByteTrees.sol";
import {Inferences} from "./Inferences.sol";

/// What models put out, once nobody can dispute it any more: for other contracts to ask.
///
/// Whoever wants a result claims the inference's history at the dispute contract. When a history has
/// won there, anybody shows here what it ends in. Nobody has a say in that, so nobody has to be
/// trusted, and nothing is at stake here.
contract OpML {
    using Nodes for Node;

    /// The output of a model on an input is decided, for ever.
    event Settled(bytes32 indexed model, bytes32 indexed inputHash, bytes32 outputHash);

    /// No history of this origin has won yet; or it has, and nobody has shown what it ends in.
    error Undecided(bytes32 origin);
    /// This is not what the history that has won ends in.
    error WrongOutput(bytes32 outputHash);
    /// The contract holds disputes about something else.
    error NotAboutInferences();

    /// Where inferences are disputed.
    Dispute public immutable DISPUTE;
    /// What they are, and what their origins are.
    Inferences public immutable INFERENCES;
    /// Histories of inferences have 2^HEIGHT tasks.
    uint8 private immutable HEIGHT;

    mapping(bytes32 origin => bytes32) private outputHashes;

    /// @param dispute Its levels 0 and 1 share their boundary, an `Inferences`.
    constructor(Dispute dispute) {
        Level[] memory levels = dispute.levels();
        address boundary = address(levels[0].boundary);
        // Or words would be taken for the states of a model.
        if (levels.length < 2 || address(levels[1].boundary) != boundary) {
            revert NotAboutInferences();
        }
        DISPUTE = dispute;
        INFERENCES = Inferences(boundary);
        HEIGHT = levels[0].height;
    }

    /// Show what the history ends in that has won for a model on an input.
    /// @param outputHash Of the output (docs/mlvm.md, "Commitments").
    /// @param endPath Proves that the last state is an output, and this one: the siblings, from below.
    function settle(bytes32 model, bytes32 inputHash, bytes32 outputHash, bytes32[] calldata endPath)
        external
    {
        bytes32 origin = INFERENCES.originOf(model, inputHash);
        bytes32 winner = DISPUTE.contest(origin, 0).winner;
        // While a claim can still be disputed it is worth nothing.
        if (winner == 0) revert Undecided(origin);
        bytes32 end = keccak256(abi.encodePacked("output", outputHash));
        // Only the last state: on the way there may be any number of outputs.
        bytes32 span = Histories.spanEndingIn(HEIGHT, end, endPath);
        bytes32 first = INFERENCES.start(origin, 0, 0);
        // The winner's name holds its whole history, and so its end.
        if (Nodes.root(origin, 0, HEIGHT, first, span).id() != winner) {
            revert WrongOutput(outputHash);
        }
        if (outputHashes[origin] == outputHash) return;
        outputHashes[origin] = outputHash;
        emit Settled(model, inputHash, outputHash);
    }

    /// The output hash of a model on an input. Reverts, `Undecided`, as long as it is not known.
    function resultOf(bytes32 model, bytes32 inputHash) public view returns (bytes32 outputHash) {
        bytes32 origin = INFERENCES.originOf(model, inputHash);
        outputHash = outputHashes[origin];
        // Zeros would be taken for a result.
        if (outputHash == 0) revert Undecided(origin);
    }

    /// Whether a model puts out these bytes, and costs so many MACs. Reverts, `Undecided`, as long as
    /// it is not known what it puts out.
    function isResult(bytes32 model, bytes32 inputHash, uint64 macs, bytes calldata output)
        external
        view
        returns (bool)
    {
        bytes32 hash = ByteTrees.hashOf(output);
        return keccak256(abi.encodePacked("result", macs, hash)) == resultOf(model, inputHash);
    }

    /// The hash of an input's bytes, for contracts that know those alone.
    function hashOfInput(bytes calldata input) external pure returns (bytes32) {
        return ByteTrees.hashOf(input);
    }
}
