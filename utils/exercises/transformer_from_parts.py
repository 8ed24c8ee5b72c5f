"""Exercises of the chapter `3_algorithms/transformer_from_parts`."""

import numpy as np

from utils.exercises import Exercise, Mistake


def _shift_pair(speed, shift):
    c, s = np.cos(shift * speed), np.sin(shift * speed)
    return np.array([[c, -s], [s, c]])


def _residual_gradient(slopes):
    return np.prod(1 + np.asarray(slopes, float))


def _largest_patch(image_size, tokens_needed):
    sides = [side for side in range(1, image_size + 1) if image_size % side == 0]
    return max(side for side in sides if (image_size // side) ** 2 >= tokens_needed)


def _overtaking_patch(image_size, embed_dim, mlp_ratio):
    return _largest_patch(image_size, (2 + mlp_ratio) * embed_dim)


def _work(tokens, embed_dim, mlp_ratio):
    return (4 + 2 * mlp_ratio) * tokens * embed_dim**2 + 2 * tokens**2 * embed_dim


def _sharper_factor(tokens, embed_dim, mlp_ratio):
    return _work(4 * tokens, embed_dim, mlp_ratio) / _work(tokens, embed_dim, mlp_ratio)


EXERCISES = (
    Exercise(
        name="shift_pair",
        solution=_shift_pair,
        cases=((1.0, 1), (0.1, 7), (0.5, -3)),
        mistakes=(
            Mistake(
                lambda w, m: _shift_pair(w, m).T,
                "That is the way back, m places before: the mark is a row and stands on the left of the matrix.",
            ),
            Mistake(
                lambda w, m: np.array([[np.cos(m * w), np.sin(m * w)], [np.sin(m * w), np.cos(m * w)]]),
                "One of the sines needs a minus: write down cos((n + m)ω) once more.",
            ),
            Mistake(
                lambda w, m: _shift_pair(w, 1),
                "That moves on by a single place; the angle of m places is m times the speed.",
            ),
            Mistake(
                lambda w, m: np.array([np.sin(m * w), np.cos(m * w)]),
                "That is the mark of the place m. Asked is the matrix that moves any mark on.",
            ),
            Mistake(
                lambda w, m: np.array([[np.sin(m * w), np.cos(m * w)], [np.cos(m * w), -np.sin(m * w)]]),
                "Sine and cosine have changed places: with a shift of 0 the matrix must be the identity.",
            ),
        ),
        praise="It holds for every n at once, and that is why a shift is something that a matrix can learn.",
    ),
    Exercise(
        name="residual_gradient",
        solution=_residual_gradient,
        cases=(([0.5, -0.2, 0.1],), ([0.1] * 20,), ([2.0],)),
        mistakes=(
            Mistake(
                lambda a: np.prod(a),
                "That is the chain without residual connections; each layer also hands its input on.",
            ),
            Mistake(
                lambda a: 1 + np.prod(a),
                "That is one residual connection around all layers. There is one around each.",
            ),
            Mistake(
                lambda a: 1 + np.sum(a),
                "These are the paths through at most one layer. There are paths through two and more.",
            ),
            Mistake(
                lambda a: np.sum(1 + np.asarray(a, float)),
                "The factors are right. One layer after the other: they multiply.",
            ),
            Mistake(
                lambda a: 2.0 ** len(a),
                "That counts the paths. Each of them carries the product of the slopes that it passes.",
            ),
        ),
        praise="Multiply it out, and there are the 2^L paths, one of which passes no layer at all.",
    ),
    Exercise(
        name="overtaking_patch",
        solution=_overtaking_patch,
        cases=((224, 768, 4), (224, 192, 4), (64, 32, 2), (96, 64, 2)),
        mistakes=(
            Mistake(
                lambda s, d, r: _largest_patch(s, 2 * d),
                "That is attention alone; the dense layers of the MLP belong to the linear part, too.",
            ),
            Mistake(
                lambda s, d, r: _largest_patch(s, (4 + 2 * r) * d),
                "The quadratic part is 2 N² D, with a 2: equal at N = (2 + ρ) D.",
            ),
            Mistake(
                lambda s, d, r: min(p for p in range(1, s + 1) if s % p == 0 and (s // p) ** 2 < (2 + r) * d),
                "With that patch the linear part is still larger. Take the next smaller one.",
            ),
            Mistake(
                lambda s, d, r: (s // _overtaking_patch(s, d, r)) ** 2,
                "That is the number of tokens. Asked is the side of the patch.",
            ),
        ),
        praise="Wider networks care less about long inputs: it is N against D that counts.",
    ),
    Exercise(
        name="sharper_factor",
        solution=_sharper_factor,
        cases=((196, 768, 4), (16, 32, 2), (4096, 64, 4)),
        mistakes=(
            Mistake(
                lambda n, d, r: _work(2 * n, d, r) / _work(n, d, r),
                "Twice the side is four times the patches, not twice.",
            ),
            Mistake(
                lambda n, d, r: 16.0,
                "Only the quadratic part grows by 16. How large a part is it, to begin with?",
            ),
            Mistake(
                lambda n, d, r: 4.0,
                "The linear part grows by 4. The other one grows faster.",
            ),
            Mistake(
                lambda n, d, r: _work(4 * n, d, 0) / _work(n, d, 0),
                "That is attention alone; the MLP belongs to the block.",
            ),
        ),
        praise="Between 4 and 16, and nearer to 4 than most people expect.",
        tolerance=1e-6,
    ),
)
