"""Checks that say within seconds why a model does not train, before anybody waits for an epoch.

Written out in `4_code/training_recipes`. Each takes a pipeline (`utils.training_faults.Pipeline`): a model, a way to prepare
images, a loss, a step.
"""

import copy

import torch

from utils.training_faults import Pipeline


def loss_at_start(pipeline: Pipeline, count: int = 200) -> float:
    """Return the loss before the first step, in nats; of Y classes that are equally likely it should be near ln Y."""
    pipeline.model.train()
    with torch.no_grad():
        logits = pipeline.model(pipeline.prepare(pipeline.images[:count]))
        return pipeline.loss(logits, pipeline.labels[:count]).item()


def overfit_one_batch(pipeline: Pipeline, count: int = 20, steps: int = 60) -> list[float]:
    """Return the losses of `steps` steps on one and the same batch; a model that can learn learns it by heart.

    A copy is trained, so the pipeline stays as it is.
    """
    trial = copy.deepcopy(pipeline)
    trial.model.train()
    images, labels = trial.images[:count], trial.labels[:count]
    return [trial.step(images, labels) for _ in range(steps)]


def step_sizes(pipeline: Pipeline, count: int = 200) -> dict[str, float]:
    """Return, for each weight, how far the first step moves it as a share of its size: lr · ‖gradient‖ / ‖weight‖.

    About a thousandth to a few hundredths is usual; 1 replaces the weight, a millionth leaves it where it is.
    """
    pipeline.model.train()
    loss = pipeline.loss(pipeline.model(pipeline.prepare(pipeline.images[:count])), pipeline.labels[:count])
    weights = {name: weight for name, weight in pipeline.model.named_parameters() if weight.ndim > 1}
    gradients = torch.autograd.grad(loss, list(weights.values()))
    return {
        name: (pipeline.learning_rate * gradient.norm() / weight.norm()).item()
        for (name, weight), gradient in zip(weights.items(), gradients, strict=True)
    }


@torch.no_grad()
def same_answers_alone_and_together(pipeline: Pipeline, count: int = 20) -> float:
    """Return the share of images that get the same answer alone as in a batch, in the test: 1 if nothing leaks."""
    pipeline.test_mode()
    images = pipeline.images[:count]
    together = pipeline.model(pipeline.prepare_test(images)).argmax(dim=1)
    alone = [pipeline.model(pipeline.prepare_test(images[i : i + 1])).argmax(dim=1) for i in range(count)]
    return (together == torch.cat(alone)).float().mean().item()


def training_images_in_the_test(pipeline: Pipeline, count: int = 500) -> float:
    """Return the accuracy that the test code gives for training images: far below that of training, the two differ."""
    return pipeline.accuracy(pipeline.images[:count], pipeline.labels[:count])
