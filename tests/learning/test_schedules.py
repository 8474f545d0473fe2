import pytest
import torch

from synthex.core import ConfigError
from synthex.learning import schedules


def rates(schedule, steps=100, **options):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    scheduler = schedule(optimizer, total_steps=steps, **options)
    values = []
    for _ in range(steps + 5):
        values.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return values


def test_step_is_the_papers_schedule():
    values = rates(schedules.step, 50)
    assert values[0] == values[29] == pytest.approx(0.1)
    assert values[30] == values[39] == pytest.approx(0.05)
    assert values[40] == values[54] == pytest.approx(0.025)


def test_cosine_rises_and_falls_to_its_floor():
    values = rates(schedules.cosine, warmup=0.1, floor=0.01)
    assert values[0] < values[5] < values[10] == pytest.approx(0.1)
    assert values[55] == pytest.approx(0.1 * (0.01 + 0.99 * 0.5))
    assert values[100] == values[104] == pytest.approx(0.001)


def test_one_cycle_can_be_run_past_its_end():
    values = rates(schedules.one_cycle)
    assert values[0] == pytest.approx(0.004)
    assert max(values) == values[30] == pytest.approx(0.1)
    assert values[104] == pytest.approx(4e-7)


def test_constant():
    assert set(rates(schedules.constant)) == {0.1}
    with pytest.raises(ConfigError, match="warmup=1"):
        rates(schedules.constant, warmup=1.0)
