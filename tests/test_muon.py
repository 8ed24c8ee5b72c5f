import pytest
import torch

from utils.muon import Muon, orthogonalise


def matrix(rows, columns, seed=0):
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [(8, 8), (5, 20), (20, 5)])
def test_singular_values_come_near_one_and_vectors_stay(shape):
    given = matrix(*shape)
    result = orthogonalise(given)
    assert result.shape == given.shape
    left, values, right = torch.linalg.svd(given, full_matrices=False)
    in_the_same_basis = left.T @ result @ right.T
    new = in_the_same_basis.diagonal()
    assert torch.allclose(in_the_same_basis, torch.diag(new), atol=1e-4)
    large = values > 0.02 * given.norm()
    assert ((new > 0.6) & (new < 1.25))[large].all()
    assert torch.allclose(orthogonalise(7 * given), result, atol=1e-5), "the size of a gradient says nothing"


def test_one_step_is_that_of_pytorch():
    """PyTorch's Muon orthogonalises in bfloat16: 8 bits."""
    start, gradient = matrix(12, 6), matrix(12, 6, seed=1)
    ours, theirs = (torch.nn.Parameter(start.clone()) for _ in range(2))
    optimisers = (
        Muon([ours], 0.1, momentum=0.9, weight_decay=0.1),
        torch.optim.Muon([theirs], lr=0.1, momentum=0.9, weight_decay=0.1),
    )
    for step in range(3):
        for parameter, optimiser in zip((ours, theirs), optimisers, strict=True):
            parameter.grad = gradient * (step + 1)
            optimiser.step()
    assert torch.allclose(ours, theirs, atol=0.02)
    moved = (ours - start * (1 - 0.01) ** 3).detach()
    assert moved.abs().max() > 0.1, "the tolerance is small beside the step"


def test_kernels_count_as_matrices_and_fixed_norm_holds_the_norm():
    kernel = torch.nn.Parameter(matrix(4, 27).view(4, 3, 3, 3))
    flat = torch.nn.Parameter(kernel.detach().reshape(4, 27).clone())
    for parameter in (kernel, flat):
        optimiser = Muon([parameter], 0.2, fixed_norm=True)
        parameter.grad = matrix(4, 27, seed=2).view_as(parameter)
        optimiser.step()
    assert torch.allclose(kernel.detach().reshape(4, 27), flat)
    kernel.grad = torch.zeros_like(kernel)
    optimiser = Muon([kernel], 0.2, fixed_norm=True)
    optimiser.step()
    assert kernel.norm().item() == pytest.approx(2.0, abs=1e-5), "sqrt(4 kernels)"


def test_muon_refuses_what_is_no_matrix():
    with pytest.raises(ValueError, match="give biases and gains to another optimiser"):
        Muon([torch.nn.Parameter(torch.zeros(3))], 0.1)
    with pytest.raises(ValueError, match="got 0, 0.9"):
        Muon([torch.nn.Parameter(torch.zeros(3, 3))], 0)
    with pytest.raises(ValueError, match="two axes"):
        orthogonalise(torch.zeros(3))


@pytest.mark.parametrize("fixed_norm", [False, True])
def test_several_matrices_of_one_shape_change_as_each_would_alone(fixed_norm):
    starts, gradients = [matrix(6, 4, seed=i) for i in range(3)], [matrix(6, 4, seed=9 + i) for i in range(3)]
    together, alone = ([torch.nn.Parameter(start.clone()) for start in starts] for _ in range(2))
    optimisers = [
        Muon(together, 0.1, fixed_norm=fixed_norm),
        *(Muon([one], 0.1, fixed_norm=fixed_norm) for one in alone),
    ]
    for _ in range(2):
        for one, other, gradient in zip(together, alone, gradients, strict=True):
            one.grad, other.grad = gradient.clone(), gradient.clone()
        for optimiser in optimisers:
            optimiser.step()
    for one, other, start in zip(together, alone, starts, strict=True):
        assert torch.allclose(one, other, atol=1e-6)
        assert not torch.allclose(one, start, atol=0.05)
