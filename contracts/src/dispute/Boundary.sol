// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// What joins a level to the coarser one above it (docs/dispute.md, "Levels"). It always answers the
/// same, whoever asks and whenever; and it cannot change anything, as both functions are views.
interface Boundary {
    /// S(0) of the finer history that refines the step from `pre`, which is S(index) of the history
    /// of `origin`. For level 0 (index 0, `pre` zero): S(0) of a dispute, from its origin alone.
    function start(bytes32 origin, uint64 index, bytes32 pre) external view returns (bytes32);

    /// The coarser state that a finer history which ends in `end` leads to. Reverts if `proof` is not
    /// what it takes to tell.
    function outcome(bytes32 end, bytes calldata proof) external view returns (bytes32);
}

/// The boundary cannot tell the outcome from this proof.
error WrongOutcomeProof();
/// There is no level above level 0.
error NothingCoarser();
