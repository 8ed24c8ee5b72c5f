import numpy as np
import pytest
import torch

from utils.augmentation import alternate_flips, cutmix, shift_and_flip


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def pictures(count=6, height=8, width=10):
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.integers(0, 256, (count, height, width, 3), dtype=np.uint8))


def test_without_shift_only_the_chosen_images_are_mirrored():
    images, mirrored = pictures(), torch.tensor([True, False, True, False, False, True])
    changed = shift_and_flip(images, mirrored, shift=0, generator=generator())
    for before, after, flip in zip(images, changed, mirrored, strict=True):
        assert torch.equal(after, before.flip(1) if flip else before)


def test_a_shift_is_a_window_of_the_image_reflected_at_its_edges():
    images, shift = pictures(count=40), 3
    changed = shift_and_flip(images, torch.zeros(40, dtype=torch.bool), shift=shift, generator=generator(1))
    seen = set()
    for before, after in zip(images.numpy(), changed.numpy(), strict=True):
        wide = np.pad(before, ((shift, shift), (shift, shift), (0, 0)), mode="reflect")
        windows = [
            (i, j)
            for i in range(2 * shift + 1)
            for j in range(2 * shift + 1)
            if np.array_equal(wide[i : i + 8, j : j + 10], after)
        ]
        assert len(windows) == 1
        seen.add(windows[0])
    assert len(seen) > 15, "each image has a shift of its own"
    again = shift_and_flip(images, torch.zeros(40, dtype=torch.bool), shift=shift, generator=generator(1))
    assert torch.equal(changed, again)


def test_shift_and_flip_refuses_what_it_cannot_do():
    with pytest.raises(ValueError, match="shift must lie in 0 … 7 for these images, got 8"):
        shift_and_flip(pictures(), torch.zeros(6, dtype=torch.bool), shift=8, generator=generator())
    with pytest.raises(ValueError, match="bool of shape"):
        shift_and_flip(pictures(), torch.zeros(5, dtype=torch.bool), shift=1, generator=generator())


def test_flips_alternate():
    first, second, third = (alternate_flips(1000, epoch, seed=3) for epoch in range(3))
    assert torch.equal(first, ~second) and torch.equal(first, third)
    assert 400 < int(first.sum()) < 600
    assert not torch.equal(first, alternate_flips(1000, 0, seed=4))


def test_cutmix_mixes_targets_by_the_pixels_that_were_pasted():
    count, height, width = 16, 12, 12
    images = torch.arange(count, dtype=torch.uint8)[:, None, None, None].expand(count, height, width, 3)
    targets = torch.eye(count)
    for seed in range(20):
        mixed, soft = cutmix(images, targets, generator(seed))
        assert torch.allclose(soft.sum(1), torch.ones(count))
        for i in range(count):
            pixels = torch.bincount(mixed[i, :, :, 0].flatten().long(), minlength=count) / (height * width)
            assert torch.allclose(soft[i], pixels, atol=1e-6)
    assert torch.equal(images[:, 0, 0, 0], torch.arange(count, dtype=torch.uint8)), "the input is left alone"
