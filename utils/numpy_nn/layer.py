"""What all layers have in common: parameters by name, what forward remembers for backward, and layers in a row."""

from collections.abc import Mapping

import numpy as np


class Layer:
    """A step of a network: `forward` turns `x` into `z`, `backward` turns the gradient of `z` into that of `x`.

    `backward` also fills `gradients`, one array for each of `parameters`, with the same name and shape. Gradients are
    those of the last `backward`; they are replaced, not added up. A layer remembers one `forward` at a time.

    Attributes
    ----------
    parameters, gradients : dict of str to ndarray
        The layer's own. `named_parameters` and `named_gradients` have those of its parts too.
    """

    def __init__(self) -> None:
        self.parameters: dict[str, np.ndarray] = {}
        self.gradients: dict[str, np.ndarray] = {}
        self._shape: tuple[int, ...] | None = None
        self._memory: tuple = ()

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Return the layer's output for `x`, of the same dtype, and remember what `backward` needs."""
        raise NotImplementedError

    def backward(self, dz: np.ndarray) -> np.ndarray:
        """Return the gradient of the loss for `x`, given that for the output of the last `forward`."""
        raise NotImplementedError

    def parts(self) -> dict[str, "Layer"]:
        """Return the layers that this one is made of, by the names of its attributes: `norm1`, `blocks.0`."""
        found = {}
        for name, value in vars(self).items():
            if isinstance(value, Layer):
                found[name] = value
            elif isinstance(value, list):
                found |= {f"{name}.{index}": layer for index, layer in enumerate(value)}
        return found

    def named_parameters(self) -> dict[str, np.ndarray]:
        """Return all parameters by dotted name: views, so that changing a number changes the network."""
        return self._collect("parameters")

    def named_gradients(self) -> dict[str, np.ndarray]:
        """Return the gradients of the last `backward`, with the names of `named_parameters`."""
        return self._collect("gradients")

    def load(self, state: Mapping[str, np.ndarray]) -> None:
        """Copy numbers into all parameters; ValueError unless names and shapes are those of `named_parameters`."""
        own = self.named_parameters()
        check_state(state, {name: parameter.shape for name, parameter in own.items()})
        for name, parameter in own.items():
            parameter[...] = state[name]

    def _collect(self, kind: str) -> dict[str, np.ndarray]:
        named = dict(getattr(self, kind))
        for name, part in self.parts().items():
            named |= {f"{name}.{inner}": array for inner, array in part._collect(kind).items()}
        return named

    def _check(self, x: np.ndarray, *axes: str | int) -> np.ndarray:
        """Return `x` as floats; ValueError unless it is finite and its axes have the sizes, or the letters, of `axes`.

        A letter stands for any size of at least 1, a leading "..." for any number of axes.
        """
        x = np.asarray(x)
        fixed = axes[1:] if axes[:1] == ("...",) else axes
        sizes = x.shape[-len(fixed) :] if fixed else ()
        right_rank = x.ndim >= len(fixed) if fixed != axes else x.ndim == len(fixed)
        fits = all(
            size == axis if isinstance(axis, int) else size for size, axis in zip(sizes, fixed, strict=False)
        )
        if not right_rank or not fits or not x.size:
            needed = ", ".join(map(str, axes))
            raise ValueError(f"{type(self).__name__} needs x of shape ({needed}), got {x.shape}")
        return check_finite(f"{type(self).__name__}: x", x)

    def _remember(self, z: np.ndarray, *memory: object) -> np.ndarray:
        """Keep what `backward` needs of this `forward`, and hand `z` on."""
        self._shape, self._memory = z.shape, memory
        return z

    def _recall(self, dz: np.ndarray) -> tuple:
        """Return `dz` and what the last `forward` remembered; ValueError unless `dz` has the shape of its output."""
        name = type(self).__name__
        if self._shape is None:
            raise ValueError(
                f"{name}: call forward before backward, so that there is something to go back through"
            )
        dz = np.asarray(dz)
        if dz.shape != self._shape:
            raise ValueError(
                f"{name} gave an output of shape {self._shape}, so dz needs that shape, got {dz.shape}"
            )
        return (check_finite(f"{name}: dz", dz), *self._memory)


class Sequential(Layer):
    """Layers one after the other, each with a name: forwards in this order, backwards in the other."""

    def __init__(self, layers: Mapping[str, Layer]) -> None:
        super().__init__()
        if not layers:
            raise ValueError("a network needs at least one layer")
        self.layers = dict(layers)

    def parts(self) -> dict[str, Layer]:
        return self.layers

    def trace(self, x: np.ndarray) -> dict[str, np.ndarray]:
        """Return what each layer hands on, by the layer's name, in order."""
        outputs = {}
        for name, layer in self.layers.items():
            outputs[name] = x = layer.forward(x)
        return outputs

    def forward(self, x: np.ndarray) -> np.ndarray:
        for layer in self.layers.values():
            x = layer.forward(x)
        return x

    def backward(self, dz: np.ndarray) -> np.ndarray:
        for layer in reversed(self.layers.values()):
            dz = layer.backward(dz)
        return dz


class Flatten(Layer):
    """Write each image's numbers in one row, (B, H, W, C) to (B, H·W·C): `eq-forward-flatten`.

    Row by row, and each pixel's channels together. PyTorch flattens (C, H, W), so a dense layer behind it needs its rows
    in another order there.
    """

    def forward(self, x: np.ndarray) -> np.ndarray:
        x = self._check(x, "B", "H", "W", "C")
        return self._remember(x.reshape(len(x), -1), x.shape)

    def backward(self, dz: np.ndarray) -> np.ndarray:
        dz, shape = self._recall(dz)
        return dz.reshape(shape)


def check_finite(name: str, values: np.ndarray) -> np.ndarray:
    """Return an array of real numbers as floats, float32 and float64 as they are; ValueError for NaN or infinity."""
    values = np.asarray(values)
    if values.dtype.kind not in "biuf":
        raise ValueError(f"{name} must hold finite numbers, got {values.dtype}")
    if values.dtype.kind != "f":
        return values.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        total = values.sum()
    if not np.isfinite(total):  # one sum is cheap; only if it is not finite is every number looked at
        bad = np.count_nonzero(~np.isfinite(values))
        if bad:
            raise ValueError(
                f"{name} must hold finite numbers, but {bad} of {values.size} are NaN or infinite"
            )
    return values


def check_state(state: Mapping[str, np.ndarray], shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Raise ValueError unless `state` has an array of finite numbers, of the right shape, for each name of `shapes`."""
    if state.keys() != shapes.keys():
        missing, unknown = sorted(shapes.keys() - state.keys()), sorted(state.keys() - shapes.keys())
        raise ValueError(f"these are weights of another model: missing {missing}, unknown {unknown}")
    for name, shape in shapes.items():
        if np.shape(state[name]) != tuple(shape):
            raise ValueError(f"{name} needs the shape {tuple(shape)}, got {np.shape(state[name])}")
        check_finite(name, state[name])


def random_weights(
    rng: np.random.Generator, shape: tuple[int, ...], inputs: int, gain: float, dtype: type
) -> np.ndarray:
    """Draw first weights from a normal distribution with the variance `gain` / `inputs`.

    With a gain of 1, sums of `inputs` products have the variance of what comes in; with 2, they keep it through a ReLU,
    which throws half of it away.
    Source: K. He and others, Delving Deep into Rectifiers, 2015, equation 10.
    """
    return (rng.standard_normal(shape) * np.sqrt(gain / inputs)).astype(dtype)
