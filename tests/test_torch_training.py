import numpy as np
import pytest
import torch
from torch import nn

from utils.torch_training import count_parameters, first_weights, make_repeatable, predict, to_tensor, train


def line():
    """Return points of a straight line, (B, 1) and (B, 1)."""
    x = torch.linspace(-1, 1, 50)[:, None]
    return x, 3 * x - 1


def squared_error(model, x, y):
    return ((model(x) - y) ** 2).mean()


def fitted(seed, **options):
    make_repeatable(0)
    model = nn.Linear(1, 1)
    settings = {
        "epochs": 30,
        "learning_rate": 0.3,
        "batch_size": 8,
        "weight_decay": 0.0,
        "loss": squared_error,
    }
    losses = train(model, line(), generator=torch.Generator().manual_seed(seed), **(settings | options))
    return model, losses


def test_training_finds_a_line_and_reports_each_epoch():
    reports = []
    model, losses = fitted(0, report=lambda epoch, loss: reports.append((epoch, loss)))
    assert reports == list(enumerate(losses, start=1)) and len(losses) == 30
    np.testing.assert_allclose([model.weight.item(), model.bias.item()], [3, -1], atol=1e-2)
    assert losses[-1] < 1e-3 < losses[0]


def test_one_seed_one_result_and_the_order_comes_from_the_generator():
    weights = [fitted(seed, epochs=2)[0].weight.item() for seed in (0, 0, 1)]
    assert weights[0] == weights[1] != weights[2]


def test_the_mean_loss_counts_rows_not_batches():
    _, losses = fitted(0, epochs=1, learning_rate=1e-12, batch_size=49)
    make_repeatable(0)
    expected = squared_error(nn.Linear(1, 1), *line()).item()
    assert losses == pytest.approx([expected], rel=1e-5)


def test_decay_pulls_weights_towards_zero():
    assert fitted(0, weight_decay=1.0)[0].weight.item() < 2.9 < fitted(0)[0].weight.item()


def test_wrong_input_gets_a_sentence():
    generator = torch.Generator()
    with pytest.raises(ValueError, match=r"the tensors have \[3, 2\] rows"):
        train(
            nn.Linear(1, 1),
            (torch.zeros(3, 1), torch.zeros(2, 1)),
            epochs=1,
            learning_rate=1,
            generator=generator,
        )
    with pytest.raises(ValueError, match="at least one row and one epoch, got 0 and 1"):
        train(nn.Linear(1, 1), (torch.zeros(0, 1),), epochs=1, learning_rate=1, generator=generator)
    with pytest.raises(ValueError, match="images must be uint8 of shape"):
        to_tensor(np.zeros((2, 4, 4, 3)))


def test_to_tensor_moves_channels_first_and_keeps_them_last_in_memory():
    images = np.random.default_rng(0).integers(0, 256, (2, 5, 4, 3), dtype=np.uint8)
    tensor = to_tensor(images)
    assert tensor.shape == (2, 3, 5, 4) and tensor.is_contiguous(memory_format=torch.channels_last)
    np.testing.assert_allclose(tensor.permute(0, 2, 3, 1), images / 255, rtol=1e-6)


def test_predict_is_the_same_in_any_batches_and_switches_dropout_off():
    model = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.Linear(4, 2))
    x = torch.randn(7, 3)
    answers = predict(model, x)
    assert answers.shape == (7, 2)
    np.testing.assert_allclose(predict(model, x, batch_size=2), answers, atol=1e-6)


def test_frozen_parameters_are_not_counted():
    model = nn.Linear(3, 4)
    model.bias.requires_grad_(False)
    assert count_parameters(model) == 12


def test_first_weights_come_from_their_seed_and_nothing_else_changes():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    with first_weights(7):
        one = torch.nn.Linear(4, 4).weight
    assert torch.equal(torch.rand(2), expected)
    with first_weights(7):
        assert torch.equal(torch.nn.Linear(4, 4).weight, one)
    torch.manual_seed(7)
    assert torch.equal(torch.nn.Linear(4, 4).weight, one)
