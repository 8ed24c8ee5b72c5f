"""The layers of networks in NumPy, channels last: what the chapters write out, and later ones build on."""

from utils.numpy_nn.activations import GELU, ReLU, Sigmoid, Tanh
from utils.numpy_nn.attention import Attention
from utils.numpy_nn.cnn import build_cnn
from utils.numpy_nn.convolution import Convolution, convolve, output_size, receptive_field
from utils.numpy_nn.dense import Dense
from utils.numpy_nn.gradient_check import (
    central_differences,
    compare_gradients,
    far_from_kinks,
    relative_difference,
)
from utils.numpy_nn.layer import Flatten, Layer, Sequential
from utils.numpy_nn.losses import cross_entropy, softmax, softmax_backward
from utils.numpy_nn.normalisation import LayerNorm
from utils.numpy_nn.optimisers import SGD, AdamW, Momentum, warmup_cosine
from utils.numpy_nn.pooling import MaxPool, MeanPool, max_pool, mean_pool
from utils.numpy_nn.positions import rotary_angles, rotate
from utils.numpy_nn.training import predict, train
from utils.numpy_nn.transformer import Block, Mlp, PatchEmbed, VisionTransformer

__all__ = [
    "GELU",
    "SGD",
    "AdamW",
    "Attention",
    "Block",
    "Convolution",
    "Dense",
    "Flatten",
    "Layer",
    "LayerNorm",
    "MaxPool",
    "MeanPool",
    "Mlp",
    "Momentum",
    "PatchEmbed",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Tanh",
    "VisionTransformer",
    "build_cnn",
    "central_differences",
    "compare_gradients",
    "convolve",
    "cross_entropy",
    "far_from_kinks",
    "max_pool",
    "mean_pool",
    "output_size",
    "predict",
    "receptive_field",
    "relative_difference",
    "rotary_angles",
    "rotate",
    "softmax",
    "softmax_backward",
    "train",
    "warmup_cosine",
]
