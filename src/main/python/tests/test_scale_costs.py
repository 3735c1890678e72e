"""docs/scale.md says what tools/scale_costs.py computes, and that computes what is known otherwise."""

from __future__ import annotations

import pytest
import scale_costs as costs


def test_the_document_has_the_tables_of_the_script() -> None:
    """After a change on purpose: python tools/scale_costs.py --write."""
    document = costs.DOCUMENT.read_text()
    assert costs.written(document) == document
    assert all(make() in document for make in costs.TABLES.values())


def test_parameters_are_those_that_were_published() -> None:
    assert costs.SEVEN.parameters == 6_738_415_616  # Llama 2 7B
    model = costs.TRILLION
    share = 1 + 13 / (12 * model.width) + (model.vocabulary + model.sequence) / (12 * model.layers * model.width)
    published = 12 * model.layers * model.width**2 * share  # Narayanan et al. 2021, equation 2
    assert model.parameters == pytest.approx(published, rel=1e-7) and round(model.parameters / 1e8) == 10080


def test_a_device_alone_sends_nothing() -> None:
    alone = costs.Layout(1, 1)
    assert costs.tensor_sent(costs.SEVEN, alone, 0, True) == costs.softmax_sent(costs.SEVEN, alone, 3) == 0
    assert costs.partial_sent(costs.SEVEN, alone, 0) == costs.scattered(100, 1) == 0


@pytest.mark.parametrize("stage", range(4))
def test_by_sequence_a_sweep_forth_and_back_sends_the_same(stage: int) -> None:
    sent = [
        sum(costs.tensor_sent(costs.TRILLION, costs.Layout(8, 4, 1, by), stage, way) for way in (False, True))
        for by in (False, True)
    ]
    assert sent[0] == pytest.approx(sent[1])


@pytest.mark.parametrize("job", costs.JOBS, ids=lambda job: job.model.name)
def test_observations_fit_beside_the_training(job: costs.Job) -> None:
    held = costs.TRAINING_STATE + 3 * costs.SINGLE  # a running diagonal and the squares of a batch
    assert held * job.held + job.activations + costs.HALF * costs.largest(job) < costs.MEMORY
    assert 0 < job.observation(False) < job.observation(True) < job.step
    assert job.waiting(True) < job.observation(True)
