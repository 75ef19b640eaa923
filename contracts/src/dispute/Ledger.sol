// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// What the contract owes. Nothing is paid out but to who asks for it: a payee that does not take
/// its money stops nobody else.
abstract contract Ledger {
    /// A move brought wei with it.
    event Deposited(address indexed by, uint256 amount);
    /// The contract owes `by` nothing any more.
    event Withdrawn(address indexed by, address to, uint256 amount);

    /// The payee does not take it.
    error PaymentFailed(address to);

    mapping(address account => uint256) private credits;

    /// Have wei at the contract, to stake or to withdraw.
    function deposit() external payable {
        _setCredit(_funds());
    }

    /// Take out all that the contract owes to its caller.
    function withdraw(address payable to) external {
        uint256 amount = credits[msg.sender];
        // Before the payee is called: it may call back, and shall find nothing more.
        credits[msg.sender] = 0;
        emit Withdrawn(msg.sender, to, amount);
        (bool taken,) = to.call{value: amount}("");
        // Or what the payee did not take would be lost.
        if (!taken) revert PaymentFailed(to);
    }

    /// What the contract owes to an account.
    function credit(address account) external view returns (uint256) {
        return credits[account];
    }

    /// What the caller has at the contract, this call's value included; to be stored by `_setCredit`.
    /// Called once in a call that takes value, or it would be counted twice.
    function _funds() internal returns (uint256) {
        if (msg.value != 0) emit Deposited(msg.sender, msg.value);
        return credits[msg.sender] + msg.value;
    }

    /// What the contract owes to the caller from now on.
    function _setCredit(uint256 amount) internal {
        credits[msg.sender] = amount;
    }

    /// Owe more to an account.
    function _credit(address account, uint256 amount) internal {
        credits[account] += amount;
    }
}
