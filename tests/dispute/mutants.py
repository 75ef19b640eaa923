"""The dispute contract with one small fault each, and the test that has to notice it
(tests/mutation.py)."""

from __future__ import annotations

from collections.abc import Callable

from contracts.evm import Revm
from dispute import boundaries, client
from dispute.events import EventError
from dispute.protocol import Refused
from tests.dispute import test_contract as moves
from tests.dispute import test_deployment as deployment
from tests.dispute import test_money as money
from tests.dispute.lockstep import Lockstep
from tests.dispute.worlds import vm_world
from tests.mutation import FAILURES, Check, Mutant, Suite, mutants_in

FIXTURES: dict[str, Callable[[], object]] = {
    "stage": lambda: Lockstep(vm_world(), Revm(), thorough=1),
}
SUITE = Suite(
    {
        name: f"dispute/{name}.sol"
        for name in ("Dispute", "GivenWords", "ProgramRuns", "SameStates")
    },
    (boundaries, client),
    FIXTURES,
    # The client may fail too: in the log there is what cannot have happened.
    (*FAILURES, Refused, EventError),
)


def _in(file: str, *pairs: tuple[str, str]) -> tuple[Mutant, ...]:
    return mutants_in(f"dispute/{file}", *pairs)


#: Of Ledger.withdraw.
_ZEROED = "        credits[msg.sender] = 0;\n"
_CALLED = (
    "        emit Withdrawn(msg.sender, to, amount);\n"
    '        (bool taken,) = to.call{value: amount}("");\n'
)

CHECKS = (
    # --- The terms ---
    Check(
        deployment.test_a_dispute_has_one_to_eight_levels,
        _in(
            "Table",
            ("count == 0 || count > MAX_LEVELS", "count > MAX_LEVELS"),
            ("MAX_LEVELS = 8", "MAX_LEVELS = 9"),
            ("MAX_LEVELS = 8", "MAX_LEVELS = 7"),
        ),
    ),
    Check(
        deployment.test_a_height_is_one_to_thirty_two,
        _in(
            "Table",
            ("row.height == 0 || row.height > MAX_HEIGHT", "row.height > MAX_HEIGHT"),
            ("row.height == 0 || row.height > MAX_HEIGHT", "row.height == 0"),
            ("MAX_HEIGHT = 32", "MAX_HEIGHT = 33"),
            ("MAX_HEIGHT = 32", "MAX_HEIGHT = 31"),
        ),
    ),
    Check(
        deployment.test_every_stake_covers_the_bounties,
        _in(
            "Table",
            ("if (row.stake < terms_.bounty", "if (row.stake + 1 < terms_.bounty"),
            ("if (row.stake < terms_.bounty", "if (row.stake <= terms_.bounty"),
            ("revert StakeBelowBounties(i);", "{}"),
            ("uint256(height) + 3", "uint256(height) + 2"),
        ),
    ),
    Check(
        deployment.test_t_is_above_what_censorship_and_delay_may_gain,
        _in(
            "Table",
            ("if (terms_.confirmAfter <= allowance)", "if (false)"),
            ("terms_.confirmAfter <= allowance", "terms_.confirmAfter < allowance"),
            ("uint256 moves = count + 1;", "uint256 moves = count;"),
            ("moves += row.height;", ""),
            ("terms_.censorship + (uint256", "(uint256"),
            ("(uint256(terms_.delay) + 1) * moves", "moves"),
            ("(uint256(terms_.delay) + 1)", "uint256(terms_.delay)"),
            ("* moves + terms_.compute", "* moves"),
        ),
    ),
    Check(
        deployment.test_terms_have_the_widths_that_the_contract_gives_them,
        _in("Table", ("uint88 stake;", "uint80 stake;")),
    ),
    # --- Names and commitments ---
    Check(
        moves.test_a_root_costs_its_stake_and_starts_where_the_origin_says,
        (
            *_in(
                "Nodes",
                ("uint8(3), ", "uint8(4), "),
                ("uint8(4), ", "uint8(3), "),
                ("node.depth, node.pos, node.base)", "node.depth, node.pos)"),
                ("uint8(3), node.origin,", "uint8(3),"),
                ("node.level, node.depth, node.pos", "node.depth, node.pos"),
                ("node.depth, node.pos, node.base)", "node.pos, node.base)"),
                ("node.depth, node.pos, node.base)", "node.depth, node.base)"),
                ("cohortId, node.span", "cohortId"),
            ),
            *_in("Histories", ("uint8(0), state", "uint8(1), state")),
            *_in("Dispute", ("level.boundary.start(origin, 0, 0)", "bytes32(0)")),
        ),
    ),
    Check(
        moves.test_halves_that_rivals_share_are_one_node_and_those_beside_them_are_rivals,
        (
            *_in(
                "Nodes",
                ("Histories.base(node.base, left), right", "node.base, right"),
                ("node.pos + (uint64(1) << depth)", "node.pos"),
                ("node.pos + (uint64(1) << depth)", "node.pos + (uint64(2) << depth)"),
            ),
            *_in("Histories", ("uint8(2), left", "uint8(1), left")),
            *_in(
                "Graph",
                ("if (_isThere(leftId)) {", "if (false) {"),
                ("_rival(cohorts[rightCohortId]);", ""),
                ("if (others.count != 0) _rival(others);", ""),
                ("            _create(leftId);\n", ""),
                ("            _join(cohortId);\n", ""),
            ),
        ),
    ),
    # --- open ---
    Check(
        moves.test_the_k_th_root_posts_k_stakes,
        (
            *_in(
                "Dispute",
                ("uint256 stake = baseStake * rank;", "uint256 stake = baseStake;"),
                ("cohorts[cohortId].count + 1", "1"),
                ("funds -= stake;", ""),
            ),
            *_in("Graph", ("++others.count;", "")),
        ),
    ),
    Check(
        moves.test_a_stake_comes_from_the_value_and_from_what_is_there,
        (
            *_in(
                "Dispute",
                ("if (funds < stake) revert StakeTooLow(stake);", ""),
                ("if (funds < stake)", "if (funds <= stake)"),
                ("        _setCredit(funds);\n", ""),
            ),
            *_in(
                "Ledger",
                ("credits[msg.sender] + msg.value", "credits[msg.sender]"),
                ("credits[msg.sender] + msg.value", "msg.value"),
                ("if (msg.value != 0) emit Deposited(msg.sender, msg.value);", ""),
            ),
        ),
    ),
    Check(
        moves.test_the_same_root_twice_is_one,
        _in("Dispute", ("if (!_isThere(id)) {", "{")),
    ),
    Check(
        moves.test_a_decided_contest_takes_no_more_roots,
        _in(
            "Dispute",
            ("            if (winner != 0) revert Decided(winner);\n", ""),
            ("contests[root.origin][root.level].winner", "contests[root.origin][0].winner"),
        ),
    ),
    # --- bisect ---
    Check(
        moves.test_nodes_that_are_not_there_are_unknown_to_every_move,
        _in("Graph", ("if (!_isThere(id)) revert UnknownNode(id);", "")),
    ),
    Check(
        moves.test_halves_must_be_those_of_the_span,
        (
            *_in(
                "Dispute",
                ("_checkHalves(node, id, left, right);\n        Node memory", "Node memory"),
                ("if (Histories.node(left, right) != node.span) revert WrongHalves(id);", ""),
            ),
            *_in("Histories", ("uint8(1), left, right", "uint8(1), right, left")),
        ),
    ),
    Check(
        moves.test_a_terminal_has_no_halves_even_if_its_span_is_a_node,
        _in("Dispute", ("if (node.depth == 0) revert IsTerminal(id);", "")),
    ),
    Check(
        moves.test_only_rivalled_nodes_are_bisected,
        (
            *_in(
                "Dispute",
                ("_checkRivalled(id, cohortId);\n        _addHalves", "_addHalves"),
                ("if (cohorts[cohortId].rivalled == 0) revert NotRivalled(id);", ""),
                ("if (cohorts[cohortId].rivalled == 0)", "if (cohorts[cohortId].count == 0)"),
            ),
        ),
    ),
    Check(
        moves.test_a_second_bisection_changes_nothing,
        _in("Dispute", ("if (_isThere(rightHalf.id())) return;", "")),
    ),
    # --- refine ---
    Check(
        moves.test_a_refinement_is_of_a_terminal_above_the_last_level,
        _in(
            "Dispute",
            ("if (node.depth != 0) revert NotTerminal(id);", ""),
            ("if (terminal.level == LAST_LEVEL) revert WrongLevel(terminal.level);", ""),
        ),
    ),
    Check(
        moves.test_every_part_of_a_refinement_is_checked,
        (
            *_in(
                "Dispute",
                ("_checkLastState(terminal, finer.pre, finer.prePath);", ""),
                ("            revert WrongPreState(pre);\n", ""),
                ("_checkEnd(level.height, finer);", ""),
                ("            revert WrongEnd(finer.end);\n", ""),
                ("if (Histories.leaf(outcome) != terminal.span) revert WrongOutcome(id);", ""),
            ),
            *_in(
                "Histories",
                ("if (path.length != expected) revert", "if (false) revert"),
                ("path.length != expected", "path.length < expected"),
                ("path.length != expected", "path.length > expected"),
                ("trailingZeros(pos) + 1", "trailingZeros(pos)"),
                ("node(siblings[i], result)", "node(result, siblings[i])"),
                ("base(path[length - 1], fold", "node(path[length - 1], fold"),
            ),
            *_in("Runs", ("if (keccak256(proof) != end) revert WrongOutcomeProof();", "")),
            *_in("SameStates", ("if (proof.length != 0) revert WrongOutcomeProof();", "")),
            *_in("SameStates", ("return end;", "return bytes32(0);")),
        ),
    ),
    Check(
        moves.test_a_refinement_starts_from_the_computed_state,
        (
            *_in(
                "Dispute",
                ("Nodes.root(cohortId, terminal.level + 1,", "Nodes.root(id, terminal.level + 1,"),
                ("finer.span),\n            id,", "finer.span),\n            0,"),
                ("level.height, first, finer.span)", "level.height, finer.pre, finer.span)"),
            ),
            *_in("ProgramRuns", ("PROGRAM.initialStateHash(pre)", "pre")),
            *_in("Graph", ("roots[id] = Root(claim, rank);", "roots[id] = Root(0, rank);")),
        ),
    ),
    Check(
        moves.test_only_rivalled_terminals_are_refined,
        _in(
            "Dispute",
            ("_checkRivalled(id, cohortId);\n        return", "return"),
        ),
    ),
    Check(
        moves.test_a_refinement_posts_the_stake_of_its_level,
        _in(
            "Dispute",
            ("            id,\n            level.stake\n", "            id,\n            0\n"),
            (
                "            id,\n            level.stake\n",
                "            id,\n            levelAt(0).stake\n",
            ),
        ),
    ),
    # --- prove ---
    Check(
        moves.test_only_a_terminal_of_the_last_level_is_proved,
        _in(
            "Dispute",
            ("if (node.depth != 0) revert NotTerminal(id);", ""),
            ("if (terminal.level != LAST_LEVEL) revert WrongLevel(terminal.level);", ""),
        ),
    ),
    Check(
        moves.test_a_proof_is_of_the_last_state_and_of_the_claim,
        _in(
            "Dispute",
            ("_checkLastState(terminal, keccak256(state), prePath);", ""),
            ("if (Histories.leaf(post) != terminal.span) revert WrongStep(post);", ""),
            ("records[id].timer = INFINITE;", ""),
        ),
    ),
    Check(
        moves.test_only_rivalled_terminals_are_proved,
        _in(
            "Dispute",
            ("_checkRivalled(id, cohortId);\n        _checkLast", "_checkLast"),
        ),
    ),
    Check(
        moves.test_the_second_to_prove_is_no_prover,
        _in("Dispute", ("if (provers[id] != address(0)) return;", "")),
    ),
    # --- Timers ---
    Check(
        moves.test_a_timer_counts_blocks_without_a_rival,
        (
            *_in(
                "Timers",
                ("rivalled == 0 ? uint40(block.number) : rivalled", "uint40(block.number)"),
                ("end > created ? end - created : 0", "end - created"),
                ("end > created ? end - created : 0", "end > created ? end - created + 1 : 0"),
            ),
            *_in("Graph", ("if (others.rivalled == 0) others", "others")),
        ),
    ),
    Check(
        moves.test_an_update_adds_the_smaller_half,
        (
            *_in(
                "Dispute",
                ("timer = timer.plus(below.min(_effectiveTimer(rightHalf)));", ""),
                ("below.min(_effectiveTimer(rightHalf))", "below"),
                ("below.min(_effectiveTimer(rightHalf))", "_effectiveTimer(rightHalf)"),
                ("below.min(_effectiveTimer(rightHalf))", "below.max(_effectiveTimer(rightHalf))"),
                ("timer.plus(below.min", "(below.min"),
            ),
            *_in(
                "Graph",
                ("records[id].timer.max(_localTimer(id, cohortId))", "records[id].timer"),
                ("cohorts[cohortId].rivalled);", "uint40(0));"),
            ),
            *_in(
                "Timers",
                ("return left > right ? right : left;", "return left;"),
                ("return left > right ? left : right;", "return right > left ? left : right;"),
            ),
        ),
    ),
    Check(
        moves.test_a_node_is_updated_from_its_own_halves_only,
        _in(
            "Dispute",
            (
                "if (given.left != 0 || given.right != 0) {",
                "if (given.left != 0 && given.right != 0) {",
            ),
            ("            _checkHalves(node, id, given.left, given.right);\n", ""),
            ("            _checkBisected(id, rightHalf.id());\n", ""),
            ("if (!_isThere(rightId)) revert NotBisected(id);", ""),
        ),
    ),
    Check(
        moves.test_a_terminal_counts_the_best_of_its_refinements,
        _in("Dispute", ("        if (timer > record.timer) {\n        ", "        {\n        ")),
    ),
    Check(
        moves.test_a_sum_with_infinity_is_infinite,
        _in(
            "Timers",
            (
                "sum < type(uint40).max ? Timer.wrap(uint40(sum)) : INFINITE",
                "Timer.wrap(uint40(sum))",
            ),
        ),
    ),
    Check(
        moves.test_a_refinement_hands_its_timer_to_the_terminal_that_it_claims_alone,
        _in(
            "Dispute",
            ("_raise(claim, _localTimer(claim, node.origin).plus(timer));", ""),
            ("if (node.level == 0 || !_isRoot(node)) return;", "if (node.level != 0) return;"),
        ),
    ),
    Check(
        moves.test_a_terminal_counts_its_own_time_besides_that_of_its_refinement,
        _in("Dispute", ("_localTimer(claim, node.origin).plus(timer)", "timer")),
    ),
    Check(
        moves.test_a_proof_counts_for_ever_all_the_way_up,
        _in(
            "Dispute",
            ("if (node.level == 0 || !_isRoot(node)) return;", "if (!_isRoot(node)) return;"),
        ),
    ),
    # --- confirm ---
    Check(
        moves.test_only_roots_are_confirmed,
        _in(
            "Dispute",
            ("if (!_isRoot(root)) revert NotRoot(id);", ""),
            ("node.depth == heightAt(node.level)", "node.pos == 0"),
        ),
    ),
    Check(
        moves.test_a_root_is_confirmed_at_t_and_not_before,
        (
            *_in(
                "Dispute",
                ("if (Timer.unwrap(timer) < CONFIRM_AFTER) revert", "if (false) revert"),
                ("Timer.unwrap(timer) < CONFIRM_AFTER", "Timer.unwrap(timer) <= CONFIRM_AFTER"),
                ("Timer.unwrap(timer) < CONFIRM_AFTER", "Timer.unwrap(timer) + 1 < CONFIRM_AFTER"),
                ("if (contest_.winner == id) return;", ""),
                ("_store(root, id, timer);\n", ""),
            ),
            *_in("Timers", ("rivalled == 0 ? uint40(block.number) : rivalled", "rivalled")),
        ),
    ),
    Check(
        moves.test_what_was_stored_counts_when_a_root_is_confirmed,
        _in("Dispute", ("        timer = timer.max(records[id].timer);\n", "")),
    ),
    Check(
        moves.test_a_contest_has_one_winner,
        _in("Dispute", ("if (contest_.winner != 0) revert Decided(contest_.winner);", "")),
    ),
    Check(
        moves.test_the_winner_gets_its_stake_back_and_the_losers_pay,
        (
            *_in(
                "Dispute",
                ("_credit(record.mover, stake * rank);", ""),
                ("_credit(record.mover, stake * rank);", "_credit(record.mover, stake);"),
                ("_credit(record.mover, stake * rank);", "_credit(msg.sender, stake * rank);"),
                ("count * (count + 1) / 2 - rank", "count * (count + 1) / 2"),
                ("_credit(SINK, lost - reserve);", "_credit(SINK, lost);"),
                ("_credit(SINK, lost - reserve);", "_credit(record.mover, lost - reserve);"),
                (
                    "movesPerRival(level.height) * (count - 1)",
                    "movesPerRival(level.height) * count",
                ),
                ("reserve -= 2 * uint256(BOUNTY);", ""),
                ("            _credit(msg.sender, BOUNTY);\n", ""),
                ("            _credit(record.mover, BOUNTY);\n", ""),
                ("contest_.reserve = uint128(reserve);", ""),
            ),
            *_in("Ledger", ("credits[account] += amount;", "credits[account] = amount;")),
        ),
    ),
    Check(
        moves.test_an_uncontested_winner_leaves_nothing_to_claim,
        _in("Dispute", ("if (count > 1) {", "if (count > 0) {")),
    ),
    # --- Bounties ---
    Check(
        moves.test_every_move_on_the_winner_s_side_is_paid_for_once,
        _in(
            "Dispute",
            ("if (record.paid) return;", ""),
            ("record.paid = true;", ""),
            ("contest_.reserve -= BOUNTY;", ""),
            ("        _credit(mover, BOUNTY);\n", ""),
            ("        records[node.leftHalf(left).id()].won = true;\n", ""),
            ("        records[rightId].won = true;\n", ""),
            ("        record.won = true;\n", ""),
            ("_payOnce(node, id, records[rightId].mover);", "_payOnce(node, id, msg.sender);"),
            (
                "_payOnce(terminal, id, records[rootId].mover);",
                "_payOnce(terminal, id, msg.sender);",
            ),
            ("_payOnce(terminal, id, prover_);", "_payOnce(terminal, id, msg.sender);"),
        ),
    ),
    Check(
        moves.test_claims_go_from_the_top_down,
        _in("Dispute", ("if (!record.won) revert NotWon(id);", "")),
    ),
    Check(
        moves.test_a_claim_is_of_what_was_done,
        _in(
            "Dispute",
            ("_checkHalves(node, id, left, right);\n        // The", "// The"),
            ("        _checkBisected(id, rightId);\n", ""),
            ("if (roots[rootId].claim != id) revert WrongClaim(rootId);", ""),
            ("if (!records[rootId].won) revert NotWon(rootId);", ""),
            ("if (prover_ == address(0)) revert NotProved(id);", ""),
        ),
    ),
    Check(
        moves.test_what_nobody_claims_goes_to_the_sink,
        _in(
            "Dispute",
            ("if (contest_.winner == 0) revert NotDecided(origin, level);", ""),
            ("if (since < CONFIRM_AFTER) revert TooEarly(since);", ""),
            ("since < CONFIRM_AFTER", "since + 1 < CONFIRM_AFTER"),
            ("since < CONFIRM_AFTER", "since <= CONFIRM_AFTER"),
            ("        contest_.reserve = 0;\n", ""),
            ("_credit(SINK, amount);", "_credit(msg.sender, amount);"),
            ("if (contest_.reserve < BOUNTY) revert NothingLeft(contest_.winner);", ""),
            ("contest_.decided = uint40(block.number);", ""),
        ),
    ),
    # --- Wei ---
    Check(
        money.test_a_payee_that_calls_back_is_paid_once,
        _in(
            "Ledger",
            (_ZEROED, ""),
            # The payee is called first.
            (_ZEROED + _CALLED, _CALLED + _ZEROED),
        ),
    ),
    Check(
        money.test_a_payee_that_does_not_take_its_money_harms_nobody_else,
        _in("Ledger", ("if (!taken) revert PaymentFailed(to);", "taken;")),
    ),
    Check(
        money.test_to_withdraw_takes_all_and_to_whom_one_likes,
        _in("Ledger", ("to.call{value: amount}", "msg.sender.call{value: amount}")),
    ),
    Check(
        money.test_value_comes_with_moves_that_post_stakes_and_with_no_other,
        (
            *_in(
                "Dispute",
                ("calls) external {", "calls) external payable {"),
                ("uint8 level) external {", "uint8 level) external payable {"),
            ),
            *_in("Ledger", ("payable to) external {", "payable to) external payable {")),
        ),
    ),
    Check(
        money.test_a_stake_is_not_counted_twice,
        _in(
            "Dispute",
            ("calls) external {", "calls) external payable {"),
        ),
    ),
    Check(
        money.test_one_refusal_refuses_all_and_is_told,
        _in("Dispute", ("if (!done) {", "if (false) {")),
    ),
    Check(
        money.test_calls_within_calls,
        _in("Dispute", ("address(this).delegatecall(calls[i])", "address(this).call(calls[i])")),
    ),
)
