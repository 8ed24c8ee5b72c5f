"""The layers of networks in NumPy, channels last: what the chapters write out, and later ones build on."""

from utils.numpy_nn.convolution import convolve, max_pool, mean_pool, receptive_field

__all__ = ["convolve", "max_pool", "mean_pool", "receptive_field"]
