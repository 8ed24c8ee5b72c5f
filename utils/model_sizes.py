"""How large a network is, counted from the shapes of its layers: parameters, multiply-adds, numbers to keep.

No network is built here. A layer is a few counts for one image, a model is a list of layers, and the shapes are those
of the papers. Counted are the layers with weights and the two products of attention; activation functions, pooling,
softmax and additions cost little beside them and are left out. Built in the chapter `2_concepts/attention_and_tokens`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Layer:
    """Count one layer, for one image.

    Attributes
    ----------
    name : str
    parameters : int
        Numbers that training changes.
    multiply_adds : int
        One multiplication with the addition that follows it counts once; papers that say FLOPs count one or two.
    outputs : int
        Numbers that the layer hands on, which training keeps for the way back.
    """

    name: str
    parameters: int
    multiply_adds: int
    outputs: int


@dataclass(frozen=True)
class Model:
    """Name a published model, what its paper says about its size, and how to list its layers.

    `published_parameters` and `published_multiply_adds` are None where the paper gives no number; `year` is that of
    the first publication, `source` the key of the reference, `rounding` the largest relative difference to expect.
    (The parameters of ResNet-50 stand in table 1 of S. Xie and others, Aggregated Residual Transformations, 2017.)
    """

    name: str
    year: int
    kind: str
    source: str
    layers: Callable[[], list[Layer]]
    published_parameters: float | None
    published_multiply_adds: float | None = None
    rounding: float = 0.01


def convolution(
    name: str,
    out_size: int,
    in_channels: int,
    out_channels: int,
    kernel_size: int,
    groups: int = 1,
    bias: bool = True,
) -> Layer:
    """Count a convolution with K × K kernels whose output has `out_size` × `out_size` places: `eq-forward-count`.

    With groups, each kernel sees only in_channels / groups channels.
    """
    _need_positive(
        out_size=out_size,
        in_channels=in_channels,
        out_channels=out_channels,
        kernel_size=kernel_size,
        groups=groups,
    )
    if in_channels % groups or out_channels % groups:
        raise ValueError(f"{groups} groups cannot share {in_channels} and {out_channels} channels evenly")
    patch = kernel_size**2 * in_channels // groups
    places = out_size**2
    return Layer(name, (patch + bias) * out_channels, places * patch * out_channels, places * out_channels)


def dense(name: str, inputs: int, outputs: int, tokens: int = 1, bias: bool = True) -> Layer:
    """Count a dense layer that is applied to each of `tokens` tokens."""
    _need_positive(inputs=inputs, outputs=outputs, tokens=tokens)
    return Layer(name, (inputs + bias) * outputs, tokens * inputs * outputs, tokens * outputs)


def normalisation(name: str, width: int, places: int, bias: bool = True) -> Layer:
    """Count a batch or layer normalisation: a scale and a shift for each channel, no multiply-adds."""
    _need_positive(width=width, places=places)
    return Layer(name, (1 + bias) * width, 0, places * width)


def attention_products(name: str, tokens: int, width: int, num_heads: int) -> Layer:
    """Count the two products of attention, queries with keys and weights with values: no parameters, 2 N² D work."""
    _need_positive(tokens=tokens, width=width, num_heads=num_heads)
    if width % num_heads:
        raise ValueError(f"{width} numbers cannot be shared by {num_heads} heads")
    return Layer(name, 0, 2 * tokens**2 * width, num_heads * tokens**2 + tokens * width)


def vision_transformer(
    image_size: int,
    patch_size: int,
    embed_dim: int,
    depth: int,
    mlp_dim: int,
    num_heads: int,
    *,
    num_classes: int = 0,
    class_token: bool = True,
) -> list[Layer]:
    """List the layers of a Vision Transformer for colour images; `num_classes` 0 leaves out the last layer.

    Source: A. Dosovitskiy and others, An Image Is Worth 16x16 Words, 2021, section 3.1.
    """
    _need_positive(image_size=image_size, patch_size=patch_size, depth=depth, mlp_dim=mlp_dim)
    if num_classes:
        _need_positive(num_classes=num_classes)
    if image_size % patch_size:
        raise ValueError(f"patches of {patch_size} pixels do not fill an image of {image_size}")
    side = image_size // patch_size
    n, d = side**2 + class_token, embed_dim  # N, D
    block = [
        normalisation("norm 1", d, n),
        dense("queries, keys, values", d, 3 * d, n),
        attention_products("attention", n, d, num_heads),
        dense("projection", d, d, n),
        normalisation("norm 2", d, n),
        dense("MLP 1", d, mlp_dim, n),
        dense("MLP 2", mlp_dim, d, n),
    ]
    first = [
        convolution("patches", side, 3, d, patch_size),
        Layer("positions", (n + class_token) * d, 0, n * d),
    ]
    last = [dense("classes", d, num_classes)] if num_classes else []
    return first + depth * block + [normalisation("norm", d, n)] + last


def totals(layers: Sequence[Layer]) -> dict[str, int]:
    """Add up a list of layers: `parameters`, `multiply_adds` and `outputs` of one image."""
    if not layers:
        raise ValueError("there is nothing to add up: the list of layers is empty")
    keys = ("parameters", "multiply_adds", "outputs")
    return {key: sum(getattr(layer, key) for layer in layers) for key in keys}


def memory_bytes(parameters: int, bytes_per_number: int = 4, copies: int = 1) -> int:
    """Return the bytes of `copies` copies of the parameters: 4 a number in float32, 2 in float16 or bfloat16.

    Training with Adam keeps four copies: the parameters, their gradients and two running means.
    """
    _need_positive(parameters=parameters, bytes_per_number=bytes_per_number, copies=copies)
    return parameters * bytes_per_number * copies


def lenet_5() -> list[Layer]:
    """List the layers of LeNet-5; its third layer joins maps by a table, its last has no trainable numbers.

    Source: Y. LeCun and others, Gradient-Based Learning Applied to Document Recognition, 1998, section II.B, table I.
    """
    pairs = 6 * 3 + 9 * 4 + 1 * 6  # of 16 maps, six see three maps, nine see four, one sees all six
    return [
        convolution("C1", 28, 1, 6, 5),
        _subsampling("S2", 14, 6),
        Layer("C3", 25 * pairs + 16, 100 * 25 * pairs, 100 * 16),
        _subsampling("S4", 5, 16),
        convolution("C5", 1, 16, 120, 5),
        dense("F6", 120, 84),
        Layer("output", 0, 84 * 10, 10),
    ]


def _subsampling(name: str, out_size: int, channels: int) -> Layer:
    """Count LeNet's pooling: four inputs with one weight and a bias for each map."""
    places = out_size**2
    return Layer(name, 2 * channels, 4 * places * channels, places * channels)


def alexnet() -> list[Layer]:
    """List the layers of AlexNet, three of whose convolutions are split between two graphics cards.

    Source: A. Krizhevsky and others, ImageNet Classification with Deep Convolutional Neural Networks, 2012, section 3.5.
    """
    return [
        convolution("convolution 1", 55, 3, 96, 11),
        convolution("convolution 2", 27, 96, 256, 5, groups=2),
        convolution("convolution 3", 13, 256, 384, 3),
        convolution("convolution 4", 13, 384, 384, 3, groups=2),
        convolution("convolution 5", 13, 384, 256, 3, groups=2),
        dense("dense 1", 6 * 6 * 256, 4096),
        dense("dense 2", 4096, 4096),
        dense("classes", 4096, 1000),
    ]


def vgg_16() -> list[Layer]:
    """List the layers of VGG-16.

    Source: K. Simonyan and A. Zisserman, Very Deep Convolutional Networks, 2015, table 1, column D.
    """
    layers, channels = [], 3
    for size, width, count in ((224, 64, 2), (112, 128, 2), (56, 256, 3), (28, 512, 3), (14, 512, 3)):
        for _ in range(count):
            layers.append(convolution("convolution", size, channels, width, 3))
            channels = width
    return layers + [
        dense("dense 1", 7 * 7 * 512, 4096),
        dense("dense 2", 4096, 4096),
        dense("classes", 4096, 1000),
    ]


def resnet_50() -> list[Layer]:
    """List the layers of ResNet-50 as published, with the stride in the first 1 × 1 convolution of a stage.

    Source: K. He and others, Deep Residual Learning for Image Recognition, 2016, table 1.
    """
    layers, channels = _with_norm("stem", 112, 3, 64, 7), 64
    for size, width, count in ((56, 64, 3), (28, 128, 4), (14, 256, 6), (7, 512, 3)):
        for block in range(count):
            layers += _with_norm("reduce", size, channels, width, 1)
            layers += _with_norm("look", size, width, width, 3)
            layers += _with_norm("expand", size, width, 4 * width, 1)
            if block == 0:
                layers += _with_norm("shortcut", size, channels, 4 * width, 1)
            channels = 4 * width
    return layers + [dense("classes", channels, 1000)]


def mobilenet() -> list[Layer]:
    """List the layers of the first MobileNet, which looks at each channel alone and then mixes channels.

    Source: A. Howard and others, MobileNets, 2017, table 1.
    """
    layers, channels, size = _with_norm("stem", 112, 3, 32, 3), 32, 112
    for width, stride in ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *(5 * [(512, 1)])):
        size //= stride
        layers += _separable(size, channels, width)
        channels = width
    layers += _separable(7, 512, 1024) + _separable(7, 1024, 1024)
    return layers + [dense("classes", 1024, 1000)]


def _separable(size: int, in_channels: int, out_channels: int) -> list[Layer]:
    look = _with_norm("look", size, in_channels, in_channels, 3, groups=in_channels)
    return look + _with_norm("mix", size, in_channels, out_channels, 1)


def _with_norm(
    name: str, size: int, in_channels: int, out_channels: int, kernel_size: int, groups: int = 1
) -> list[Layer]:
    """List a convolution without biases and the batch normalisation behind it."""
    return [
        convolution(name, size, in_channels, out_channels, kernel_size, groups, bias=False),
        normalisation(f"{name}, norm", out_channels, size**2),
    ]


def vit_22b() -> list[Layer]:
    """List the layers of ViT-22B: attention and MLP side by side, no biases at queries, keys, values and norms.

    Queries and keys are normalised, each with one scale for a head's numbers. The layer that pools the tokens and the
    one that names classes are left out.
    Source: M. Dehghani and others, Scaling Vision Transformers to 22 Billion Parameters, 2023, section 2 and table 1.
    """
    n, d, hidden, num_heads, depth = 16 * 16, 6144, 24576, 48, 48
    block = [
        normalisation("norm", d, n, bias=False),
        dense("queries, keys, values", d, 3 * d, n, bias=False),
        Layer("norm of queries and keys", 2 * d // num_heads, 0, 2 * n * d),
        attention_products("attention", n, d, num_heads),
        dense("projection", d, d, n),
        dense("MLP 1", d, hidden, n),
        dense("MLP 2", hidden, d, n),
    ]
    first = [convolution("patches", 16, 3, d, 14), Layer("positions", n * d, 0, n * d)]
    return first + depth * block + [normalisation("norm", d, n, bias=False)]


def published_models() -> list[Model]:
    """Return the models that the course compares, oldest first; all but LeNet-5 look at 224 × 224 colour images."""
    vit, cnn = "Transformer", "CNN"

    def shape(*sizes, **options):
        return lambda: vision_transformer(224, *sizes, **options)

    return [
        Model("LeNet-5", 1998, cnn, "lecun1998", lenet_5, 60e3),
        Model("AlexNet", 2012, cnn, "krizhevsky2012", alexnet, 60e6, rounding=0.02),
        Model("VGG-16", 2014, cnn, "simonyan2015", vgg_16, 138e6, 15.3e9, rounding=0.015),
        Model("ResNet-50", 2015, cnn, "he2016", resnet_50, 25.5e6, 3.8e9, rounding=0.02),
        Model("MobileNet", 2017, cnn, "howard2017", mobilenet, 4.2e6, 569e6),
        Model("ViT-B/16", 2020, vit, "dosovitskiy2021", shape(16, 768, 12, 3072, 12, num_classes=1000), 86e6),
        Model(
            "ViT-L/16", 2020, vit, "dosovitskiy2021", shape(16, 1024, 24, 4096, 16, num_classes=1000), 307e6
        ),
        Model(
            "ViT-H/14", 2020, vit, "dosovitskiy2021", shape(14, 1280, 32, 5120, 16, num_classes=1000), 632e6
        ),
        # from here on the tokens are pooled without a class token, and the layers behind the tokens do not count
        Model(
            "ViT-g/14",
            2021,
            vit,
            "zhai2022",
            shape(14, 1408, 40, 6144, 16, class_token=False),
            1011e6,
            533.1e9 / 2,
        ),
        Model(
            "ViT-G/14",
            2021,
            vit,
            "zhai2022",
            shape(14, 1664, 48, 8192, 16, class_token=False),
            1843e6,
            965.3e9 / 2,
        ),
        Model("ViT-22B", 2023, vit, "dehghani2023", vit_22b, 21.743e9),
    ]


def _need_positive(**counts: int) -> None:
    for name, count in counts.items():
        if isinstance(count, bool) or not count >= 1 or count % 1:
            raise ValueError(f"{name} must be a whole number of at least 1, got {count!r}")
