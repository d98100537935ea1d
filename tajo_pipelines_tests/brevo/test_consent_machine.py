"""Whole sequences of what shops, people and we do to one account, judged after each delivery by an oracle."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tajo_pipelines.twin.server import TwinProcess
from tajo_pipelines_tests.brevo.account_world import Hands
from tajo_pipelines_tests.brevo.consent_machine import ConsentMachine


def _run(brevo: tuple[TwinProcess, Hands], template: Path, examples: int, steps: int, *, derandomize: bool) -> None:
    twin, hands = brevo
    machine = type("Machine", (ConsentMachine,), {"twin": twin, "hands": hands, "template": template})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=derandomize,
            database=None,
            phases=[Phase.generate],  # a shorter sequence isn't worth its minutes
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )


def test_no_sequence_subscribes_who_left_nor_forgets_who_came(
    brevo: tuple[TwinProcess, Hands], empty_store: Path
) -> None:
    _run(brevo, empty_store, examples=40, steps=20, derandomize=True)


@pytest.mark.soak
def test_no_long_sequence_does_either(brevo: tuple[TwinProcess, Hands], empty_store: Path) -> None:
    _run(brevo, empty_store, examples=150, steps=40, derandomize=True)
