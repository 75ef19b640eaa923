"""What a step costs stays below Cannon's, and what it is measured with measures it."""

from __future__ import annotations

from bench import gas
from contracts.abi import call_data, step_call
from contracts.clients import Step
from contracts.evm import PyEvm, Revm, floor_gas, intrinsic_gas
from contracts.l1 import L1


def test_every_kind_of_step_costs_less_than_cannon_s() -> None:
    rows = gas.measure_steps()
    assert len(rows) == len(gas.KINDS)
    for row in rows:
        assert row["gas"] < row["Cannon"], row
        assert row["since Prague"] >= row["gas"] > row["execution"] > 0


def test_the_evms_and_a_node_take_the_same_gas(anvil_url: str) -> None:
    for kind in gas.KINDS:
        chains = [PyEvm(), L1.connect(anvil_url)]
        if kind.row != "preimage read":  # there revm's storage is warm
            chains.append(Revm())
        steps = [Step.deploy(chain) for chain in chains]
        witness = gas.witness_of(kind)
        costs = set()
        for step in steps:
            step.execute(witness)
            costs.add(step.chain.send(step.address, step_call(witness)).gas_used)
        assert len(costs) == 1, kind.name


def test_since_prague_calldata_has_a_floor() -> None:
    chain = L1.embedded()  # of a fork that has it
    step = Step.deploy(chain)
    call = step_call(gas.witness_of(gas.KINDS[0]))
    assert chain.send(step.address, call).gas_used == floor_gas(call)
    assert intrinsic_gas(call) < floor_gas(call)


def test_loading_a_preimage_fits_a_block() -> None:
    rows = gas.measure_loads()
    assert all(row["gas"] < 10_000_000 and row["again"] < row["gas"] for row in rows)


def test_the_calldata_of_a_step_is_as_documented() -> None:
    for kind in gas.KINDS:
        witness = gas.witness_of(kind)
        assert len(step_call(witness)) == 452 + len(witness.pack_proof())
        assert step_call(witness) == call_data(
            "step(bytes,bytes)", witness.state, witness.pack_proof()
        )
