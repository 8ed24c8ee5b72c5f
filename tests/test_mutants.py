"""The check that breaks layers on purpose: it finds what there is to break, and tells a good test from a blind one."""

import subprocess
import sys

import pytest

from utils.runs import ROOT

sys.path.insert(0, str(ROOT / "scripts"))

import mutants

LAYER = """
class Layer:
    def forward(self, x):
        if x.ndim - 1:
            raise ValueError(f"got {x.ndim + 1}")
        z = 2 * x @ self.weight.T + self.bias
        z -= x**2
        return z.mean(axis=-1) / np.moveaxis(x, 0, 1)


def turn(x):
    return -x.swapaxes(0, 1)
"""


def test_each_scale_term_transpose_sign_and_power_is_dropped_once():
    found = list(mutants.mutants_of("layer", LAYER))
    changes = {(m.owner, m.kind, m.before, m.after) for m in found}
    assert len(changes) == len(found)
    assert changes == {
        ("Layer.forward", "term", "2 * x @ self.weight.T + self.bias", "2 * x @ self.weight.T"),
        ("Layer.forward", "term", "2 * x @ self.weight.T + self.bias", "self.bias"),
        ("Layer.forward", "scale", "2 * x", "x"),
        ("Layer.forward", "transpose", "self.weight.T", "self.weight"),
        ("Layer.forward", "term", "z -= x ** 2", "pass"),
        ("Layer.forward", "power", "x ** 2", "x"),
        ("Layer.forward", "scale", "z.mean(axis=-1) / np.moveaxis(x, 0, 1)", "z.mean(axis=-1)"),
        ("Layer.forward", "scale", "z.mean(axis=-1)", "z.sum(axis=-1)"),
        ("Layer.forward", "transpose", "np.moveaxis(x, 0, 1)", "x"),
        ("turn", "sign", "-x.swapaxes(0, 1)", "x.swapaxes(0, 1)"),
        ("turn", "transpose", "x.swapaxes(0, 1)", "x"),
    }
    for mutant in found:
        assert mutant.source != LAYER and 'got {x.ndim + 1}"' in mutant.source.replace("'", '"')


def test_every_layer_has_mutants_of_its_way_there_and_its_way_back():
    owners = {
        mutant.owner
        for module in mutants.MODULES
        for mutant in mutants.mutants_of(module, (ROOT / mutants.PACKAGE / f"{module}.py").read_text("utf-8"))
    }
    for layer in ("Convolution", "Dense", "LayerNorm", "Attention", "Block", "VisionTransformer", "GELU"):
        assert {f"{layer}.forward", f"{layer}.backward"} - owners <= {"VisionTransformer.forward"}, layer
    assert {"MaxPool.backward", "MeanPool.backward", "ReLU.backward", "cross_entropy", "softmax"} <= owners
    assert {"AdamW.step", "Momentum.step", "SGD.step", "warmup_cosine", "rotate", "rotary_angles"} <= owners


PROGRAM = """
import sys
sys.path.insert(0, "scripts")
import mutants
if {blind}:
    mutants.tests_of = lambda module: ["test_losses.py"]
source = (mutants.ROOT / mutants.PACKAGE / "dense.py").read_text("utf-8")
print(mutants.survives(next(m for m in mutants.mutants_of("dense", source) if m.kind == "transpose")))
"""


@pytest.mark.parametrize("blind", [False, True])
def test_a_mutant_is_noticed_by_the_tests_and_not_without_them(blind):
    """In a process of its own, as it is used: one that has loaded Keras could not be divided safely."""
    program = PROGRAM.format(blind=blind)
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(blind)


def test_an_unknown_layer_is_named(capsys):
    assert mutants.main(["Densest"], 1) == 2
    assert "no layer or function of utils/numpy_nn is called Densest" in capsys.readouterr().out
