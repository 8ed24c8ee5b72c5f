"""Exercises of the chapter `5_trends_and_challenges/image_and_text`."""

import numpy as np

from utils.exercises import Exercise, Mistake


def _shares(logits):
    powers = np.exp(logits)
    return np.diag(powers) / powers.sum(axis=1), np.diag(powers) / powers.sum(axis=0)


def _loss(logits):
    find_text, find_picture = _shares(logits)
    return -(np.log(find_text) + np.log(find_picture)).mean() / 2


def _recall(scores, captions):
    captions = np.array(captions)
    return (captions[scores.argmax(axis=1)] == captions).mean()


def _recall_of_pictures(scores, captions):
    captions = np.array(captions)
    return (captions[scores.argmax(axis=0)] == captions).mean()


def _recall_once(scores, captions):
    captions = np.array(captions)
    right = captions[scores.argmax(axis=1)] == captions
    return right[np.unique(captions, return_index=True)[1]].mean()


_LOGITS = np.array([[2.0, 0.5, -1.0], [1.0, 0.0, 0.3], [0.2, -0.4, 1.5]])

EXERCISES = (
    Exercise(
        name="symmetric_loss",
        solution=_loss,
        cases=((_LOGITS,), (np.zeros((4, 4)),), (_LOGITS[:2, :2],)),
        mistakes=(
            Mistake(
                lambda z: -np.log(_shares(z)[0]).mean(),
                "Each picture finds its text. The texts have to find their pictures, too.",
            ),
            Mistake(
                lambda z: -np.log(_shares(z)[1]).mean(),
                "Each text finds its picture. The pictures have to find their texts, too.",
            ),
            Mistake(lambda z: 2 * _loss(z), "You added the two directions; take their mean."),
            Mistake(
                lambda z: len(z) * _loss(z),
                "You added over the pictures. Divide by B, or a larger batch has a larger loss.",
            ),
            Mistake(
                lambda z: -np.log(np.diag(np.exp(z)) / np.exp(z).sum()).mean(),
                "One softmax over the whole table is not asked for: one over each row, and one over each column.",
            ),
        ),
        praise="With logits that say nothing it is ln B.",
    ),
    Exercise(
        name="share_with_a_twin",
        solution=lambda captions, batch_size: 1 - (1 - 1 / captions) ** (batch_size - 1),
        cases=((64, 250), (3840, 250), (10, 2), (5, 1)),
        mistakes=(
            Mistake(
                lambda n, b: 1 - (1 - 1 / n) ** b,
                "A picture is not its own twin: there are batch_size - 1 others.",
            ),
            Mistake(
                lambda n, b: (b - 1) / n,
                "That is how many twins there are on average, and it can be above 1. Ask how likely none is.",
            ),
            Mistake(lambda n, b: (1 - 1 / n) ** (b - 1), "That is the probability of no twin."),
        ),
        praise="With 64 captions and 250 pictures hardly one is alone.",
    ),
    Exercise(
        name="recall_with_twins",
        solution=_recall,
        cases=(
            (np.array([[0.1, 0.9, 0.3], [0.2, 0.8, 0.1], [0.7, 0.2, 0.5]]), ["a", "a", "b"]),
            (
                np.array([[9.0, 1, 1, 1], [8, 1, 1, 1], [7, 6, 1, 1], [1, 1, 1, 5]]),
                ["ring", "ring", "star", "heart"],
            ),
        ),
        mistakes=(
            Mistake(
                lambda s, c: (s.argmax(axis=1) == np.arange(len(s))).mean(),
                "You count the twin of a picture as an error. Compare captions, not numbers.",
            ),
            Mistake(_recall_of_pictures, "You searched a text for each picture. A row belongs to a caption."),
            Mistake(_recall_once, "You asked each caption once. Here it counts as often as it occurs."),
        ),
        praise="A twin that fits as well is not an error.",
    ),
    Exercise(
        name="bag_can_tell",
        solution=lambda first, second: sorted(first.split()) != sorted(second.split()),
        cases=(
            ("red circle left of blue square", "blue square left of red circle"),
            ("red circle left of blue square", "red circle right of blue square"),
            ("red red blue", "red blue blue"),
            ("red circle", "red circle"),
        ),
        mistakes=(
            Mistake(lambda a, b: a != b, "They differ, but does their mean? A mean does not know the order."),
            Mistake(
                lambda a, b: set(a.split()) != set(b.split()),
                "A set forgets how often a word occurs; a mean does not.",
            ),
            Mistake(
                lambda a, b: sorted(a.split()) == sorted(b.split()),
                "The other way round: with the same words, a bag can not tell.",
            ),
        ),
        praise="Whatever it learns, the swapped caption stays a coin toss.",
    ),
)
