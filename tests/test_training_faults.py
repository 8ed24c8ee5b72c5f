import math

import pytest
import torch

from utils import diagnosis, training_faults
from utils.data import load
from utils.torch_training import to_tensor
from utils.training_faults import FAULTS, Pipeline

TRAIN, VALIDATION = (load("digits", split, seed=0) for split in ("train", "validation"))
IMAGES, LABELS = to_tensor(TRAIN.images), torch.from_numpy(TRAIN.labels)
TEST_IMAGES, TEST_LABELS = to_tensor(VALIDATION.images), torch.from_numpy(VALIDATION.labels)


def make(kind=Pipeline, seed=0):
    return kind(IMAGES, LABELS, 10, seed)


@pytest.fixture(scope="module")
def healthy():
    pipeline = make()
    pipeline.losses = pipeline.train(4)
    return pipeline


def test_the_healthy_pipeline_passes_every_check(healthy):
    fresh = make()
    assert diagnosis.loss_at_start(fresh) == pytest.approx(math.log(10), abs=0.6)
    assert diagnosis.overfit_one_batch(fresh)[-1] < 0.05
    assert all(1e-4 < size < 0.3 for size in diagnosis.step_sizes(fresh).values())
    assert healthy.losses[-1] < 0.2 * healthy.losses[0]
    assert healthy.accuracy(TEST_IMAGES, TEST_LABELS) > 0.9
    assert diagnosis.training_images_in_the_test(healthy) > 0.95
    assert diagnosis.same_answers_alone_and_together(healthy) == 1


def test_the_checks_leave_the_pipeline_as_it_is():
    checked, plain = make(), make()
    diagnosis.overfit_one_batch(checked)
    diagnosis.step_sizes(checked)
    for name, value in plain.model.named_parameters():
        assert torch.equal(value, checked.model.get_parameter(name)) and value.grad is None, name
    assert not checked.optimiser.state


def test_each_fault_overrides_one_thing_and_says_which():
    for kind in FAULTS:
        assert kind.__bases__ == (Pipeline,) and kind.__doc__
        own = [name for name in vars(kind) if not name.startswith("__")]
        assert len(own) == 1 and hasattr(Pipeline, own[0]), kind.__name__
    assert set(FAULTS) == set(Pipeline.__subclasses__())


def test_what_the_checks_notice():
    f = training_faults
    assert diagnosis.loss_at_start(make(f.SoftmaxOverTheBatch)) > 4
    for kind in (f.SoftmaxOverTheBatch, f.SoftmaxTwice, f.LabelsOfOthers, f.GradientsAddUp, f.StepsTooSmall):
        assert diagnosis.overfit_one_batch(make(kind))[-1] > 0.5, kind.__name__
    assert max(diagnosis.step_sizes(make(f.StepsTooLarge)).values()) > 0.5
    assert max(diagnosis.step_sizes(make(f.StepsTooSmall)).values()) < 1e-3


def test_what_only_the_test_code_shows(healthy):
    f = training_faults
    for kind, name in ((f.TestNotStandardised, "training_images_in_the_test"), (f.NeverInTestMode, None)):
        pipeline = make(kind)
        pipeline.model.load_state_dict(healthy.model.state_dict())
        if name:
            assert diagnosis.training_images_in_the_test(pipeline) < 0.9
        else:
            assert diagnosis.same_answers_alone_and_together(pipeline) < 0.9
