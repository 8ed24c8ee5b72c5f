"""A small training pipeline as it should be, and the same with one fault each: to see which check notices which.

Written out in `4_code/training_recipes`. A fault is a subclass that overrides one method, so that its name and its few
lines say all that is wrong.
"""

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from utils.torch_training import first_weights


def small_cnn(in_channels: int, num_classes: int) -> nn.Sequential:
    """Return a CNN of three convolutions with batch norm, for images (B, C, H, W) of 8 pixels and more, to logits (B, Y)."""
    layers, channels = [], in_channels
    for width in (16, 32, 64):
        layers += [nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)]
        layers += [nn.ReLU(), nn.MaxPool2d(2)]
        channels = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, num_classes))


class Learner:
    """Hold a small CNN and take steps with it, without a fault.

    Parameters
    ----------
    images : Tensor of shape (B, C, H, W), float32 in [0, 1]
        The training images; mean and std of each channel are measured on them.
    labels : Tensor of shape (B,), int64
    num_classes : int
        Y.
    seed : int
        Of the first weights and the order.
    """

    learning_rate = 0.05

    def __init__(self, images: torch.Tensor, labels: torch.Tensor, num_classes: int, seed: int):
        self.images, self.labels = images, labels
        self.mean = images.mean((0, 2, 3), keepdim=True)
        self.std = images.std((0, 2, 3), keepdim=True)
        with first_weights(seed):
            self.model = small_cnn(images.shape[1], num_classes)
        self.optimiser = torch.optim.SGD(self.model.parameters(), lr=self.learning_rate, momentum=0.9)
        self.generator = torch.Generator().manual_seed(seed)

    def prepare(self, images: torch.Tensor) -> torch.Tensor:
        """Standardise each channel with the statistics of the training images."""
        return (images - self.mean) / self.std

    def loss(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Return the mean cross-entropy, in nats."""
        return functional.cross_entropy(logits, labels)

    def forget(self) -> None:
        """Drop the gradients of the step before."""
        self.optimiser.zero_grad()

    def step(self, images: torch.Tensor, labels: torch.Tensor) -> float:
        """Take one step on a batch, and return the loss before it."""
        value = self.loss(self.model(self.prepare(images)), labels)
        self.forget()
        value.backward()
        self.optimiser.step()
        return value.item()


class Pipeline(Learner):
    """Train and test a small CNN, without a fault."""

    def draw(self, size: int) -> torch.Tensor:
        """Return the order of one pass in batches, (batches, size)."""
        order = torch.randperm(len(self.images), generator=self.generator)
        return order[: len(order) // size * size].view(-1, size)

    def train(self, epochs: int, batch_size: int = 50) -> list[float]:
        """Train in place; return the mean loss of each epoch."""
        self.model.train()
        means = []
        for _ in range(epochs):
            losses = [self.step(self.images[rows], self.labels[rows]) for rows in self.draw(batch_size)]
            means.append(float(np.mean(losses)))
        return means

    def prepare_test(self, images: torch.Tensor) -> torch.Tensor:
        """Treat the images of a test as those of the training."""
        return self.prepare(images)

    def test_mode(self) -> None:
        """Let batch norm use what it has seen in training, not the images that are with it in the batch."""
        self.model.eval()

    @torch.no_grad()
    def accuracy(self, images: torch.Tensor, labels: torch.Tensor, batch_size: int = 50) -> float:
        """Return the share of right answers."""
        self.test_mode()
        batches = images.split(batch_size)
        answers = [self.model(self.prepare_test(batch)).argmax(dim=1) for batch in batches]
        return (torch.cat(answers) == labels).float().mean().item()


class SoftmaxOverTheBatch(Pipeline):
    """Let the images of a batch compete for a class, in place of the classes for an image."""

    def loss(self, logits, labels):
        return functional.nll_loss(functional.log_softmax(logits, dim=0), labels)


class SoftmaxTwice(Pipeline):
    """Give probabilities to a loss that takes logits."""

    def loss(self, logits, labels):
        return functional.cross_entropy(logits.softmax(dim=1), labels)


class GradientsAddUp(Pipeline):
    """Never drop the gradients of the steps before."""

    def forget(self):
        pass


class LabelsOfOthers(Pipeline):
    """Shuffle the images of a batch, but not their labels."""

    def step(self, images, labels):
        return super().step(images[torch.randperm(len(images), generator=self.generator)], labels)


class StepsTooLarge(Pipeline):
    """Step a hundred times too far."""

    learning_rate = 5.0


class StepsTooSmall(Pipeline):
    """Step a thousand times too short."""

    learning_rate = 0.00005


class NeverShuffled(Pipeline):
    """Show the classes one after the other, as folders come."""

    def draw(self, size):
        order = self.labels.argsort(stable=True)
        return order[: len(order) // size * size].view(-1, size)


class TestNotStandardised(Pipeline):
    """Forget for the test what was done in the training."""

    def prepare_test(self, images):
        return images


class TestStandardisedByItself(Pipeline):
    """Measure mean and std on the batch that is tested, as if its other images were known."""

    def prepare_test(self, images):
        return (images - images.mean((0, 2, 3), keepdim=True)) / images.std((0, 2, 3), keepdim=True)


class NeverInTestMode(Pipeline):
    """Leave batch norm measuring the batch in the test."""

    def test_mode(self):
        self.model.train()


FAULTS: tuple[type[Pipeline], ...] = (
    SoftmaxOverTheBatch,
    SoftmaxTwice,
    GradientsAddUp,
    LabelsOfOthers,
    StepsTooLarge,
    StepsTooSmall,
    NeverShuffled,
    TestNotStandardised,
    TestStandardisedByItself,
    NeverInTestMode,
)
