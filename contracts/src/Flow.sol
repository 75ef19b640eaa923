// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// How a step goes on after its instruction: at nextPC, at a branch target, or with an exception.
/// Where fpvm/step.py returns None or a target, or raises `Fault`, the contract returns a Flow. As
/// there, an instruction that ends in a fault has written nothing.
type Flow is uint256;

using FlowLib for Flow global;

// No branch: the step goes on at nextPC.
Flow constant NEXT = Flow.wrap(1 << 32);

/// The branch to `target` is taken, behind the delay slot.
function goTo(uint32 target) pure returns (Flow) {
    return Flow.wrap(target);
}

/// The instruction raises the exception `cause`.
function fault(uint32 cause) pure returns (Flow) {
    return Flow.wrap(1 << 33 | uint256(cause));
}

library FlowLib {
    function isNext(Flow flow) internal pure returns (bool) {
        return Flow.unwrap(flow) == Flow.unwrap(NEXT);
    }

    function isFault(Flow flow) internal pure returns (bool) {
        return Flow.unwrap(flow) >> 33 != 0;
    }

    /// Of a branch that is taken: where to.
    function target(Flow flow) internal pure returns (uint32) {
        return uint32(Flow.unwrap(flow));
    }

    /// Of a fault.
    function cause(Flow flow) internal pure returns (uint32) {
        return uint32(Flow.unwrap(flow));
    }
}
