"""Was this picture in the training set? Attacks that ask, and many small models to practise on.

Written out in `5_trends_and_challenges/privacy`.
Scores are such that higher means "rather a member". K models, n pictures that an attacker asks about, Y classes.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn import functional

from utils.torch_training import first_weights


def small_mlp(
    image_size: int = 8, in_channels: int = 1, num_classes: int = 10, width: int = 128
) -> nn.Sequential:
    """Build a network of one hidden layer, images (B, C, H, W) to logits (B, Y): 9,610 parameters for 8 × 8 × 1 and 10."""
    return nn.Sequential(
        nn.Flatten(),  # (B, C, H, W) -> (B, C·H·W)
        nn.Linear(in_channels * image_size**2, width),
        nn.ReLU(),
        nn.Linear(width, num_classes),
    )


def random_halves(models: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """Choose who trains which model: bool (K, n); each model has half of the pictures, each picture half of the models.

    Two and two models divide the pictures between them.
    """
    if models < 2 or models % 2 or count < 2 or count % 2:
        raise ValueError(f"need even numbers of models and pictures, got {models} and {count}")
    members = np.zeros((models, count), dtype=bool)
    for k in range(0, models, 2):
        members[k, rng.permutation(count)[: count // 2]] = True
        members[k + 1] = ~members[k]
    return members


def coin_halves(models: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """Toss a coin for each picture: bool (K, n). Two and two models divide the pictures between them.

    Here no picture's presence says anything about another's, which is what differential privacy speaks of.
    """
    if models < 2 or models % 2:
        raise ValueError(f"need an even number of models, got {models}")
    heads = rng.random((models // 2, count)) < 0.5
    return np.stack([heads, ~heads], axis=1).reshape(models, count)


def train_many(
    build: Callable[[], nn.Module],
    images: torch.Tensor,
    labels: torch.Tensor,
    members: np.ndarray,
    *,
    epochs: int,
    seed: int,
    learning_rate: float = 3e-3,
    batch_size: int = 32,
    augment: Callable[[torch.Tensor, torch.Generator], torch.Tensor] | None = None,
    keep_at: Sequence[int] = (),
) -> dict[int, "Stack"]:
    """Train K models side by side with Adam, each on its own members, in one pass of the machine.

    Nothing is shared: the loss is the sum over the models, so each gets its own gradient, and Adam treats each number by
    itself. It is the same as K trainings, and many times faster.

    Parameters
    ----------
    build : callable
        Makes one model, without buffers.
    images : Tensor of shape (n, C, H, W)
    labels : int64 Tensor of shape (n,)
    members : bool array of shape (K, n)
        The same number of members in each row.
    seed : int
        Of the first weights and the orders; model k gets its own.
    augment : callable, optional
        `augment(images, generator)` changes a batch (B, C, H, W).
    keep_at : sequence of int
        Epochs after which to keep a copy; the last is always kept.

    Returns
    -------
    dict
        Epoch to `Stack`.
    """
    sizes = np.unique(members.sum(axis=1))
    if members.shape[1:] != (len(images),) or len(sizes) != 1 or sizes[0] == 0:
        raise ValueError(
            f"members must have {len(images)} columns and equally many in each row, got {members.shape} "
            f"with {', '.join(map(str, sizes))}"
        )
    if epochs < 1 or any(not 0 < epoch <= epochs for epoch in keep_at):
        raise ValueError(f"cannot keep epochs {list(keep_at)} of {epochs}")
    rows = torch.from_numpy(np.stack([np.flatnonzero(row) for row in members]))  # (K, members)
    with first_weights(seed):
        models = [build() for _ in range(len(members))]
    stack = Stack(models)
    optimiser = torch.optim.Adam(stack.parameters.values(), lr=learning_rate)
    generator = torch.Generator().manual_seed(seed)
    kept = {}
    for epoch in range(1, epochs + 1):
        order = rows.gather(1, torch.rand(rows.shape, generator=generator).argsort(dim=1))
        for batch in order.split(batch_size, dim=1):  # (K, B)
            shown = images[batch]  # (K, B, C, H, W)
            if augment is not None:
                shown = augment(shown.flatten(0, 1), generator).view(shown.shape)
            logits = stack(shown, shared=False)  # (K, B, Y)
            each = functional.cross_entropy(logits.flatten(0, 1), labels[batch].flatten(), reduction="none")
            optimiser.zero_grad()
            each.view(batch.shape).mean(dim=1).sum().backward()
            optimiser.step()
        if epoch in keep_at or epoch == epochs:
            kept[epoch] = stack.copy()
    return kept


class Stack:
    """K models of one kind whose parameters lie side by side, each (K, ...)."""

    def __init__(self, models: Sequence[nn.Module]):
        self.parameters, buffers = stack_module_state(list(models))
        if buffers:
            raise ValueError(f"a model of a stack has no buffers, got {', '.join(buffers)}")
        self.model = models[0]

    def __call__(self, images: torch.Tensor, *, shared: bool = True) -> torch.Tensor:
        """Return logits (K, B, Y) of images (B, C, H, W) that all see, or of (K, B, C, H, W) if not `shared`."""

        def one(parameters, images):
            return functional_call(self.model, parameters, (images,))

        return vmap(one, in_dims=(0, None if shared else 0))(self.parameters, images)

    def copy(self) -> "Stack":
        """Return one that further training does not change."""
        other = object.__new__(Stack)
        other.parameters = {name: value.detach().clone() for name, value in self.parameters.items()}
        other.model = self.model
        return other


def confidence(logits: torch.Tensor, labels: torch.Tensor) -> np.ndarray:
    """Return how sure models are of the given label, ln(p / (1 - p)): float64 (K, n) for logits (K, n, Y), labels (n,).

    The logarithm of the odds has no ceiling at p = 1, and over many models it is about normal.
    Source: N. Carlini and others, Membership Inference Attacks From First Principles, 2022, section V.A.
    """
    if logits.ndim != 3 or labels.shape != logits.shape[1:2]:
        raise ValueError(
            f"need logits (K, n, Y) and labels (n,), got {tuple(logits.shape)}, {tuple(labels.shape)}"
        )
    logits = logits.detach().double()
    index = labels.expand(len(logits), -1)[..., None]  # (K, n, 1)
    others = logits.scatter(2, index, -torch.inf).logsumexp(dim=2)
    return (logits.gather(2, index)[..., 0] - others).numpy()


def likelihood_ratio(scores: np.ndarray, members: np.ndarray, target: int) -> np.ndarray:
    """Attack one model with the others as shadow models: the log likelihood ratio of each picture, (n,).

    For each picture two normal distributions, of the confidence of models that had it and of those that had not; each
    with its own mean, and a spread that all pictures share, since a dozen models are too few for a spread of its own.

    Parameters
    ----------
    scores : array of shape (K, n)
        From `confidence`.
    members : bool array of shape (K, n)
    target : int
        The model that is attacked; its own row of `members` is not read.

    Source: Carlini and others, 2022, algorithm 1 and section VI.C.
    """
    if scores.shape != members.shape or scores.ndim != 2 or not 0 <= target < len(scores):
        raise ValueError(
            f"need scores and members (K, n), a target below K, got {scores.shape}, {members.shape}, {target}"
        )
    shadows = np.arange(len(scores)) != target
    logs = []
    for had in (members[shadows], ~members[shadows]):
        if (had.sum(axis=0) == 0).any():
            raise ValueError(
                "each picture must be in the training set of some shadow models, and not in that of others"
            )
        mean = (scores[shadows] * had).sum(axis=0) / had.sum(axis=0)  # (n,)
        variance = ((scores[shadows] - mean) ** 2)[had].mean()
        logs.append(-((scores[target] - mean) ** 2) / (2 * variance) - np.log(variance) / 2)
    return logs[0] - logs[1]


def learned_attack(logits: np.ndarray, labels: np.ndarray, members: np.ndarray, target: int) -> np.ndarray:
    """Attack one model by what a classifier learned on the others: the logit of "member" for each picture, (n,).

    One logistic regression for each class, on the logarithms of the probabilities in falling order and the confidence.

    Parameters
    ----------
    logits : array of shape (K, n, Y)
    labels : array of shape (n,)
    members : bool array of shape (K, n)
    target : int

    Source: R. Shokri and others, Membership Inference Attacks Against Machine Learning Models, 2017, section V.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    logits = torch.as_tensor(logits)
    features = logits.double().log_softmax(dim=2).sort(dim=2, descending=True).values.numpy()
    sure = confidence(logits, torch.as_tensor(labels))
    features = np.concatenate([features, sure[..., None]], axis=2)  # (K, n, Y + 1)
    shadows = np.arange(len(logits)) != target
    result = np.empty(len(labels))
    for label in np.unique(labels):
        of_class = labels == label
        answers = members[shadows][:, of_class].ravel()
        learner = make_pipeline(StandardScaler(), LogisticRegression())
        learner.fit(features[shadows][:, of_class].reshape(len(answers), -1), answers)
        result[of_class] = learner.decision_function(features[target, of_class])
    return result
