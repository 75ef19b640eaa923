"""The contracts about inferences with one small fault each, and the test that has to notice it
(tests/mutation.py)."""

from __future__ import annotations

import pytest

from contracts.evm import Revm
from dispute import boundaries
from dispute import client as disputes
from mlvm import client
from mlvm.client import InferencesContract
from mlvm.game import guest_inferences
from tests.mlvm import test_game_contracts as game
from tests.mutation import Check, Mutant, Suite, mutants_in


def _pair() -> tuple[object, object]:
    model = guest_inferences()
    return model, InferencesContract.deploy(Revm(), model)


SUITE = Suite(
    {
        **{name: f"dispute/{name}.sol" for name in ("Dispute", "GivenWords", "ProgramRuns")},
        "SameStates": "dispute/SameStates.sol",
        **{name: f"opml/{name}.sol" for name in ("Inferences", "OpML")},
    },
    (boundaries, disputes, client),
    {"pair": _pair},
)


def _in(file: str, *pairs: tuple[str, str]) -> tuple[Mutant, ...]:
    return mutants_in(f"opml/{file}", *pairs)


CHECKS = (
    Check(
        game.test_a_start_below_level_0_is_that_of_the_guest_on_the_task,
        _in(
            "Inferences",
            ("index == 0 && pre == 0", "pre == 0"),
            ("index == 0 && pre == 0", "index == 0"),
            ('"task", inference.model, index, pre', '"task", inference.model, pre'),
            ('"task", inference.model, index, pre', '"task", inference.model, uint32(index), pre'),
            ('"task", inference.model, index, pre', '"task", index, pre'),
            ('"task", inference.model, index, pre', '"task", inference.model, index'),
            ('"task", inference.model, index, pre', '"task", inference.inputHash, index, pre'),
        ),
    ),
    Check(
        game.test_an_origin_is_known_once_it_is_registered,
        _in(
            "Inferences",
            ("if (!isOf(inference, origin)) revert UnknownInference(origin);", ""),
            ("if (isOf(inferences[origin], origin)) return origin;", ""),
            ("inferences[origin] = Inference(model, inputHash);", ""),
            ("= Inference(model, inputHash);", "= Inference(inputHash, model);"),
            ('"inference", model, inputHash', '"inference", inputHash, model'),
            ('"inference", model, inputHash', "model, inputHash"),
        ),
    ),
    Check(
        game.test_the_inference_of_zeros_is_one_like_any_other,
        _in(
            "Inferences",
            (
                "originOf(inference.model, inference.inputHash) == origin",
                "inference.model != 0 && originOf(inference.model, inference.inputHash) == origin",
            ),
            ('"input", inference.inputHash', '"input", inference.model, inference.inputHash'),
            ('"input", inference.inputHash', "inference.inputHash"),
        ),
    ),
    Check(
        game.test_a_result_is_known_when_it_is_decided_and_shown,
        _in(
            "OpML",
            ("if (winner == 0) revert Undecided(origin);", ""),
            ("if (outputHash == 0) revert Undecided(origin);", ""),
            ("if (outputHashes[origin] == outputHash) return;", ""),
            ("outputHashes[origin] = outputHash;", ""),
            ("emit Settled(model, inputHash, outputHash);", ""),
        ),
    ),
    Check(
        game.test_only_the_last_state_of_the_winner_is_its_result,
        _in(
            "OpML",
            ("            revert WrongOutput(outputHash);\n", ""),
            ('abi.encodePacked("output", outputHash)', "abi.encodePacked(outputHash)"),
        ),
    ),
    Check(
        game.test_a_history_without_an_output_has_no_result,
        _in("OpML", ('keccak256(abi.encodePacked("output", outputHash))', "outputHash")),
    ),
    Check(
        game.test_contracts_hash_bytes_as_models_do,
        (
            *_in(
                "ByteTrees",
                ('"bytes", uint64(data.length), root(data)', '"bytes", root(data)'),
                ("count * LEAF_SIZE < data.length", "count * LEAF_SIZE <= data.length"),
                ("count * LEAF_SIZE < data.length", "count * LEAF_SIZE + 1 < data.length"),
                ("uint8(1), nodes[2 * i], nodes[2 * i + 1]", "nodes[2 * i], nodes[2 * i + 1]"),
                ("uint8(0), data[first:end], padding", "data[first:end], padding"),
                ("uint8(0), data[first:end], padding", "uint8(0), padding, data[first:end]"),
            ),
            *_in("OpML", ('"result", macs, hash', '"result", hash')),
        ),
    ),
    Check(
        game.test_other_contracts_are_not_taken_for_those_of_inferences,
        _in("OpML", ("            revert NotAboutInferences();\n", "")),
    ),
    Check(
        game.test_other_contracts_are_not_taken_for_those_of_inferences,
        _in("OpML", ("levels.length < 2 || address", "address")),
    ),
)


@pytest.mark.slow
@pytest.mark.parametrize("check", CHECKS, ids=str)
def test_a_test_notices_its_mutants(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    SUITE.assert_noticed(check, monkeypatch)
