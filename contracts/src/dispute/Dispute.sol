// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Step} from "../Step.sol";
import {Graph, Record, Root} from "./Graph.sol";
import {Histories} from "./Histories.sol";
import {Ledger} from "./Ledger.sol";
import {Node, Nodes} from "./Nodes.sol";
import {Level, Table, Terms} from "./Table.sol";
import {INFINITE, Timer} from "./Timers.sol";

/// A finer history that shows what a terminal claims. `span` commits to it; `pre` and `prePath`
/// prove the state that the terminal starts from, `end` and `endPath` the state that the finer
/// history ends in, and `proof` is what the boundary needs to tell the outcome of that.
struct Refinement {
    bytes32 span;
    bytes32 pre;
    bytes32[] prePath;
    bytes32 end;
    bytes32[] endPath;
    bytes proof;
}

/// Update this node, from its halves. Words of zeros: from nothing but the node itself.
struct Update {
    Node node;
    bytes32 left;
    bytes32 right;
}

/// What became of the histories of one origin at one level. `winner`: the root that was confirmed, or
/// 0; `decided`: in which block; `reserve`: wei set aside for the bounties of the winner's side.
struct Contest {
    bytes32 winner;
    uint40 decided;
    uint128 reserve;
}

/// The dispute protocol (docs/dispute.md). Written to be read beside dispute/protocol.py: it has the
/// same moves, the same checks in the same order, the same refusals by name.
///
/// Anybody makes any move, at any time. One that was made before is accepted and changes nothing, so
/// racing for one harms nobody. No move loops over anything but what its caller pays to send, and
/// none calls a contract that could change anything, but for `withdraw`.
contract Dispute is Table, Graph, Ledger {
    using Nodes for Node;

    /// The root of a history: opened at level 0 (`claim` is 0), or the refinement of the terminal
    /// `claim`. `stake`: what the mover has posted.
    event Entered(
        bytes32 indexed id, Node node, address indexed mover, bytes32 claim, uint256 stake
    );
    /// A node has got its halves.
    event Bisected(bytes32 indexed id, bytes32 left, bytes32 right, address mover);
    /// A terminal of the last level has been proved: its timer is infinite.
    event Proved(bytes32 indexed id, address mover);
    /// A longer timer has been stored.
    event Updated(bytes32 indexed id, Timer timer);
    /// A root has won its contest; `mover` has confirmed it.
    event Confirmed(bytes32 indexed id, bytes32 indexed origin, uint8 level, address mover);
    /// The bounty for what `mover` did with a node of a winning history has been claimed.
    event Paid(bytes32 indexed id, address mover);
    /// What nobody has claimed has gone to the sink.
    event Swept(bytes32 indexed origin, uint8 level, uint256 amount);

    error IsTerminal(bytes32 id);
    error NotTerminal(bytes32 id);
    error WrongHalves(bytes32 id);
    error NotRivalled(bytes32 id);
    error WrongLevel(uint256 level);
    error WrongPreState(bytes32 pre);
    error WrongEnd(bytes32 end);
    error WrongOutcome(bytes32 terminal);
    error WrongStep(bytes32 post);
    error NotBisected(bytes32 id);
    error NotRoot(bytes32 id);
    error Decided(bytes32 winner);
    error NotDecided(bytes32 origin, uint256 level);
    error TooEarly(uint256 timer);
    error StakeTooLow(uint256 stake);
    error NotWon(bytes32 id);
    error NotProved(bytes32 id);
    error WrongClaim(bytes32 root);
    error NothingLeft(bytes32 winner);

    /// Executes the one step that is left of a dispute.
    Step public immutable STEP;

    mapping(bytes32 origin => mapping(uint8 level => Contest)) private contests;
    /// Who proved a terminal of the last level.
    mapping(bytes32 id => address) private provers;

    constructor(Level[] memory levels_, Terms memory terms_, Step step) Table(levels_, terms_) {
        STEP = step;
    }

    // --- Moves ---

    /// Claim a whole history of `origin`; posts the stake. S(0) follows from the origin: the claimant
    /// has no say in it.
    function open(bytes32 origin, bytes32 span) external payable returns (bytes32 rootId) {
        Level memory level = levelAt(0);
        bytes32 first = level.boundary.start(origin, 0, 0);
        return _enter(Nodes.root(origin, 0, level.height, first, span), 0, level.stake);
    }

    /// Reveal the halves of a rivalled node. The rivals may then differ in one of them only.
    function bisect(Node memory node, bytes32 left, bytes32 right) external {
        (bytes32 id, bytes32 cohortId) = _known(node);
        _checkHalves(node, id, left, right);
        Node memory rightHalf = node.rightHalf(left, right);
        if (_isThere(rightHalf.id())) return;
        _checkRivalled(id, cohortId);
        _addHalves(node.leftHalf(left), rightHalf);
        emit Bisected(id, left, right, msg.sender);
    }

    /// Back a terminal's claim by a history of the next level; posts its stake. Refinements of rival
    /// terminals have one origin, so they are rivals of one another.
    function refine(Node memory terminal, Refinement calldata finer)
        external
        payable
        returns (bytes32 rootId)
    {
        (bytes32 id, bytes32 cohortId) = _known(terminal);
        _checkTerminal(terminal, id);
        // At the last level there is nothing finer: its steps are executed.
        if (terminal.level == LAST_LEVEL) revert WrongLevel(terminal.level);
        _checkLastState(terminal, finer.pre, finer.prePath);
        Level memory level = levelAt(terminal.level + 1);
        // Computed, and from a state that is proved: a refinement from another first state could
        // lead anywhere.
        bytes32 first = level.boundary.start(terminal.origin, terminal.pos, finer.pre);
        _checkEnd(level.height, finer);
        // Or any history could back any claim.
        bytes32 outcome = level.boundary.outcome(finer.end, finer.proof);
        if (Histories.leaf(outcome) != terminal.span) revert WrongOutcome(id);
        _checkRivalled(id, cohortId);
        return _enter(
            Nodes.root(cohortId, terminal.level + 1, level.height, first, finer.span),
            id,
            level.stake
        );
    }

    /// Prove a terminal of the last level, by executing its one step.
    /// @param state The packed state before the step.
    /// @param prePath Proves that it is the last one of the terminal's base.
    /// @param proof The proofs of the leaves that the step uses (docs/step-contract.md).
    function prove(
        Node memory terminal,
        bytes calldata state,
        bytes32[] calldata prePath,
        bytes calldata proof
    ) external {
        (bytes32 id, bytes32 cohortId) = _known(terminal);
        _checkTerminal(terminal, id);
        // A step of a coarser level is many instructions.
        if (terminal.level != LAST_LEVEL) revert WrongLevel(terminal.level);
        if (provers[id] != address(0)) return;
        _checkRivalled(id, cohortId);
        _checkLastState(terminal, keccak256(state), prePath);
        bytes32 post = STEP.step(state, proof);
        // Or a false terminal could be proved by any true step.
        if (Histories.leaf(post) != terminal.span) revert WrongStep(post);
        provers[id] = msg.sender;
        records[id].timer = INFINITE;
        emit Proved(id, msg.sender);
    }

    /// Bring stored timers up to date, each from those below it: children come first.
    function update(Update[] calldata updates) external {
        for (uint256 i = 0; i < updates.length; ++i) {
            Update memory given = updates[i];
            (bytes32 id, Timer timer,) = _updatedTimer(given);
            _store(given.node, id, timer);
        }
    }

    /// Decide for a history whose timer has reached T; ends the contest at its level. The winner gets
    /// its stake back, and what the losers staked pays for bounties.
    function confirm(Update memory given) external {
        (bytes32 id, Timer timer, bytes32 cohortId) = _updatedTimer(given);
        Node memory root = given.node;
        // A part of a history is nobody's claim about the whole.
        if (!_isRoot(root)) revert NotRoot(id);
        Contest storage contest_ = contests[root.origin][root.level];
        if (contest_.winner == id) return;
        // One origin has one history: a second winner would take the losers' stakes again.
        if (contest_.winner != 0) revert Decided(contest_.winner);
        // Until T the other side may have been censored.
        if (Timer.unwrap(timer) < CONFIRM_AFTER) revert TooEarly(Timer.unwrap(timer));
        _store(root, id, timer);
        emit Confirmed(id, root.origin, root.level, msg.sender);
        _settle(contest_, root.level, id, cohorts[cohortId].count);
    }

    /// Several calls in one transaction, all or none. It takes no value: each of the calls would see
    /// the whole of it, and it would be counted as often. Stakes come from what was deposited.
    function multicall(bytes[] calldata calls) external {
        for (uint256 i = 0; i < calls.length; ++i) {
            (bool done, bytes memory answer) = address(this).delegatecall(calls[i]);
            if (!done) {
                assembly ("memory-safe") {
                    revert(add(answer, 32), mload(answer))
                }
            }
        }
    }

    // --- Payment ---

    /// Pay for the bisection of a node of a winning history. Its halves are of it, too.
    function claimBisection(Node memory node, bytes32 left, bytes32 right) external {
        (bytes32 id,) = _known(node);
        _checkHalves(node, id, left, right);
        // The right half is nobody else's, for its base holds the left one: its creator bisected.
        bytes32 rightId = node.rightHalf(left, right).id();
        _checkBisected(id, rightId);
        _payOnce(node, id, records[rightId].mover);
        records[node.leftHalf(left).id()].won = true;
        records[rightId].won = true;
    }

    /// Pay for the refinement that won for a terminal of a winning history.
    function claimRefinement(Node memory terminal, Node memory root) external {
        (bytes32 id,) = _known(terminal);
        (bytes32 rootId,) = _known(root);
        // Or the refinement of one terminal would be paid for as that of another.
        if (roots[rootId].claim != id) revert WrongClaim(rootId);
        // A false history that claims what is true has helped nobody.
        if (!records[rootId].won) revert NotWon(rootId);
        _payOnce(terminal, id, records[rootId].mover);
    }

    /// Pay for the proof of a terminal of a winning history.
    function claimProof(Node memory terminal) external {
        (bytes32 id,) = _known(terminal);
        address prover_ = provers[id];
        if (prover_ == address(0)) revert NotProved(id);
        _payOnce(terminal, id, prover_);
    }

    /// What nobody has claimed T blocks after the decision goes to the sink.
    function sweep(bytes32 origin, uint8 level) external {
        Contest storage contest_ = contests[origin][level];
        if (contest_.winner == 0) revert NotDecided(origin, level);
        uint256 since = block.number - contest_.decided;
        // Or those who have earned bounties would have no time to claim them.
        if (since < CONFIRM_AFTER) revert TooEarly(since);
        uint256 amount = contest_.reserve;
        contest_.reserve = 0;
        _credit(SINK, amount);
        emit Swept(origin, level, amount);
    }

    // --- Views ---

    /// The contest for `origin` at `level`; zeros, as long as it is not decided.
    function contest(bytes32 origin, uint8 level) external view returns (Contest memory) {
        return contests[origin][level];
    }

    /// Who proved a terminal of the last level; 0, if nobody has.
    function prover(bytes32 id) external view returns (address) {
        return provers[id];
    }

    // --- Checks ---

    function _checkTerminal(Node memory node, bytes32 id) private pure {
        // Only of a terminal is the next state alone what is claimed.
        if (node.depth != 0) revert NotTerminal(id);
    }

    /// A node without a rival gains time by itself. Moves on it would cost their bounties though
    /// nobody has posted a stake against it.
    function _checkRivalled(bytes32 id, bytes32 cohortId) private view {
        if (cohorts[cohortId].rivalled == 0) revert NotRivalled(id);
    }

    function _checkHalves(Node memory node, bytes32 id, bytes32 left, bytes32 right) private pure {
        // A terminal has no halves, even if what it claims to be a leaf is none.
        if (node.depth == 0) revert IsTerminal(id);
        // Or a true node could be given false halves.
        if (Histories.node(left, right) != node.span) revert WrongHalves(id);
    }

    /// Or a timer could come from halves that nobody has had a chance to attack.
    function _checkBisected(bytes32 id, bytes32 rightId) private view {
        if (!_isThere(rightId)) revert NotBisected(id);
    }

    /// `pre` must be the last state that the terminal's base commits to: or a step from any state
    /// would do.
    function _checkLastState(Node memory terminal, bytes32 pre, bytes32[] calldata path)
        private
        pure
    {
        if (Histories.baseEndingIn(terminal.pos, pre, path) != terminal.base) {
            revert WrongPreState(pre);
        }
    }

    /// `end` must be the last state of the finer history: or any state on the way would do.
    function _checkEnd(uint8 height, Refinement calldata finer) private pure {
        if (Histories.spanEndingIn(height, finer.end, finer.endPath) != finer.span) {
            revert WrongEnd(finer.end);
        }
    }

    // --- Roots ---

    /// Whether a node that is there is of a whole history: halves are less deep.
    function _isRoot(Node memory node) private view returns (bool) {
        return node.depth == heightAt(node.level);
    }

    /// Add the root of a history with its stake, from the value of this call and from what the mover
    /// has at the contract. What is left of them is the mover's.
    function _enter(Node memory root, bytes32 claim, uint256 baseStake)
        private
        returns (bytes32 id)
    {
        bytes32 cohortId = root.cohort();
        id = root.id(cohortId);
        uint256 funds = _funds();
        if (!_isThere(id)) {
            bytes32 winner = contests[root.origin][root.level].winner;
            // It would have lost, and its stake is not among those that have been shared out.
            if (winner != 0) revert Decided(winner);
            uint32 rank = cohorts[cohortId].count + 1;
            uint256 stake = baseStake * rank;
            // Claims that cost nothing would be made without end.
            if (funds < stake) revert StakeTooLow(stake);
            funds -= stake;
            _addRoot(id, cohortId, claim, rank);
            emit Entered(id, root, msg.sender, claim, stake);
        }
        _setCredit(funds);
    }

    /// Share out the stakes of `count` rivals. Those of the losers suffice for the reserve, as each
    /// level's stake covers the bounties that one rival can cause; and the reserve suffices for two
    /// bounties at once.
    function _settle(Contest storage contest_, uint8 levelNumber, bytes32 winner, uint256 count)
        private
    {
        Level memory level = levelAt(levelNumber);
        Record storage record = records[winner];
        uint256 stake = level.stake;
        uint256 rank = roots[winner].rank;
        uint256 lost = stake * (count * (count + 1) / 2 - rank);
        uint256 reserve = BOUNTY * movesPerRival(level.height) * (count - 1);
        record.won = true;
        _credit(record.mover, stake * rank);
        _credit(SINK, lost - reserve);
        if (count > 1) {
            reserve -= 2 * uint256(BOUNTY);
            _credit(record.mover, BOUNTY);
            _credit(msg.sender, BOUNTY);
        }
        contest_.winner = winner;
        contest_.decided = uint40(block.number);
        contest_.reserve = uint128(reserve);
    }

    // --- Timers ---

    /// The timer that an update stores for a node: λ, and what counts for its halves, if they are
    /// given.
    function _updatedTimer(Update memory given)
        private
        view
        returns (bytes32 id, Timer timer, bytes32 cohortId)
    {
        Node memory node = given.node;
        (id, cohortId) = _known(node);
        timer = _localTimer(id, cohortId);
        if (given.left != 0 || given.right != 0) {
            _checkHalves(node, id, given.left, given.right);
            Node memory rightHalf = node.rightHalf(given.left, given.right);
            _checkBisected(id, rightHalf.id());
            // The smaller one: it is enough for a rival to be right about one of them.
            Timer below = _effectiveTimer(node.leftHalf(given.left));
            timer = timer.plus(below.min(_effectiveTimer(rightHalf)));
        }
        timer = timer.max(records[id].timer);
    }

    /// Store the timer of a node; if it is a refinement, that of the terminal that it claims, too:
    /// of that one alone, for a rival of it must not share in the time.
    function _store(Node memory node, bytes32 id, Timer timer) private {
        _raise(id, timer);
        if (node.level == 0 || !_isRoot(node)) return;
        bytes32 claim = roots[id].claim;
        // The origin of a refinement is the cohort of the terminal.
        _raise(claim, _localTimer(claim, node.origin).plus(timer));
    }

    /// Stored timers only grow: what was true stays true.
    function _raise(bytes32 id, Timer timer) private {
        Record storage record = records[id];
        if (timer > record.timer) {
            record.timer = timer;
            emit Updated(id, timer);
        }
    }

    // --- Bounties ---

    /// Pay the bounty for what `mover` did with a node of a winning history, unless it has been paid.
    function _payOnce(Node memory node, bytes32 id, address mover) private {
        Record storage record = records[id];
        // Moves for the losers earn nothing.
        if (!record.won) revert NotWon(id);
        if (record.paid) return;
        Contest storage contest_ = contests[node.origin][node.level];
        // Or a swept contest would pay with the stakes of others.
        if (contest_.reserve < BOUNTY) revert NothingLeft(contest_.winner);
        record.paid = true;
        contest_.reserve -= BOUNTY;
        _credit(mover, BOUNTY);
        emit Paid(id, mover);
    }
}
