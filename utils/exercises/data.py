"""Exercises of the chapter `1_background/data`."""

import numpy as np

from utils.exercises import Exercise, Mistake


def _batch_bytes(shape, bits):
    return np.prod(shape) * bits // 8


def _planes_to_images(rows, height, width, channels):
    planes = rows.reshape(-1, channels, height, width)  # (B, C, H, W)
    return planes.transpose(0, 2, 3, 1)  # (B, H, W, C)


def _standardised_by(known, images):
    return (images - known.mean(axis=(0, 1, 2))) / known.std(axis=(0, 1, 2))


def _test_mask(patients, count):
    return np.isin(patients, np.unique(patients)[-count:])


def _last_images(patients, count):
    return np.arange(len(patients)) >= len(patients) - count


def _highest_images(patients, count):
    mask = np.zeros(len(patients), bool)
    mask[np.argsort(patients, kind="stable")[-count:]] = True
    return mask


_rng = np.random.default_rng(0)
_TRAIN = _rng.normal([2.0, 5.0, 1.0], [1.0, 3.0, 0.5], (6, 4, 5, 3))
_TEST = _rng.normal([3.0, 4.0, 0.0], [2.0, 1.0, 1.5], (3, 4, 5, 3))
_PATIENTS = np.array([4, 9, 4, 2, 9, 7, 4, 2, 11, 7, 9, 4])

EXERCISES = (
    Exercise(
        name="batch_bytes",
        solution=_batch_bytes,
        cases=(((32, 224, 224, 3), 32), ((60_000, 32, 32, 3), 8), ((1, 300, 451, 3), 16)),
        mistakes=(
            Mistake(
                lambda shape, bits: np.prod(shape) * bits,
                "Those are bits. A byte has eight of them.",
            ),
            Mistake(
                lambda shape, bits: np.prod(shape),
                "That counts the numbers. How many bytes does each of them take?",
            ),
            Mistake(
                lambda shape, bits: np.prod(shape[:3]) * bits // 8,
                "That counts the pixels. Each of them has C numbers.",
            ),
            Mistake(
                lambda shape, bits: np.prod(shape[1:]) * bits // 8,
                "That is one image. The batch has B of them.",
            ),
        ),
        praise="float32 takes four times the memory of bytes, and files on a disk are compressed on top: plan for it.",
    ),
    Exercise(
        name="planes_to_images",
        solution=_planes_to_images,
        cases=(
            (np.arange(2 * 24).reshape(2, 24), 2, 4, 3),
            (np.arange(36)[None], 3, 4, 3),
            (np.arange(3 * 32).reshape(3, 32), 4, 4, 2),
        ),
        mistakes=(
            Mistake(
                lambda rows, height, width, channels: rows.reshape(-1, height, width, channels),
                "The shape is right and the picture is rubble: in `rows` the planes come one after the other, "
                "so the channel is the first axis behind B, not the last.",
            ),
            Mistake(
                lambda rows, height, width, channels: rows.reshape(-1, channels, height, width).transpose(
                    0, 3, 2, 1
                ),
                "The picture lies on its side: height and width have changed places.",
            ),
            Mistake(
                lambda rows, height, width, channels: rows.reshape(-1, channels, height, width),
                "The lines are drawn in the right places; now move the channels to the end.",
            ),
        ),
        praise="Reshape draws lines, transpose moves axes; most scrambled pictures took the one for the other.",
    ),
    Exercise(
        name="standardised_test",
        solution=_standardised_by,
        cases=((_TRAIN, _TEST), (_TEST, _TRAIN), (_TRAIN[..., :1], _TEST[:1, :, :, :1])),
        mistakes=(
            Mistake(
                lambda train, test: _standardised_by(test, test),
                "You measured the test images. In use there is one image at a time, and no mean of tomorrow.",
            ),
            Mistake(
                lambda train, test: _standardised_by(np.concatenate([train, test]), test),
                "You measured all images together: the test images took part in their own preparation.",
            ),
            Mistake(
                lambda train, test: (test - train.mean()) / train.std(),
                "You took one mean for all channels; each channel has its own.",
            ),
            Mistake(
                lambda train, test: (test - train.mean(axis=(0, 1, 2))) / train.var(axis=(0, 1, 2)),
                "You divided by the variance; the deviation is its root.",
            ),
            Mistake(
                lambda train, test: _standardised_by(train, train),
                "The right numbers, but you changed the training images; the test images are wanted.",
            ),
        ),
        praise="Keep the two numbers with the model: whoever uses it needs them.",
    ),
    Exercise(
        name="test_mask",
        solution=_test_mask,
        cases=((_PATIENTS, 2), (_PATIENTS, 1), (_PATIENTS[::-1], 3), (np.array([5, 5, 3, 3, 3, 8]), 2)),
        mistakes=(
            Mistake(
                _last_images,
                "You took the last images of the list. Their patients have others further up.",
            ),
            Mistake(
                _highest_images,
                "You counted images instead of patients, so a patient can be cut in two.",
            ),
            Mistake(
                lambda patients, count: np.isin(patients, np.unique(patients)[:count]),
                "Those are the first patients; the last are wanted.",
            ),
            Mistake(
                lambda patients, count: ~_test_mask(patients, count),
                "Your mask marks the training set.",
            ),
        ),
        praise="No patient is in both sets, whatever the order of the list.",
    ),
)
