"""scripts/train.py: one command trains a recipe, goes on after a kill, and runs in several processes."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from safetensors.torch import load_file

from utils import runs

SCRIPT = runs.ROOT / "scripts" / "train.py"
COMMON = ["--data", "scenes", "--count", "1000", "--model", "cnn_sooner"]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone"]


@pytest.fixture
def train(monkeypatch):
    spec = importlib.util.spec_from_file_location("train", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", [str(SCRIPT), *map(str, arguments)])
        threads = torch.get_num_threads()
        try:
            module.main()
        finally:
            torch.set_num_threads(threads)
            torch.use_deterministic_algorithms(False)

    return call


def environment():
    return os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(runs.ROOT)}


def test_it_writes_a_result_and_a_checkpoint(train, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(runs, "RESULTS", tmp_path)
    out, checkpoint = tmp_path / "short.json", tmp_path / "short.safetensors"
    train(*COMMON, "--epochs", 1, "--seed", 0, 1, 2, "--test", "--out", out, "--checkpoint", checkpoint,
          "--state", tmp_path / "state")  # fmt: skip
    result = json.loads(out.read_text())
    assert result["command"].startswith("python scripts/train.py --data scenes")
    assert result["seeds"] == [0, 1, 2] and len(result["runs"]) == 3
    for run in result["runs"]:
        assert (
            set(run["test_accuracy"]) == set(run["validation_accuracy"]) == {"one", "flip", "flip_and_shift"}
        )
        assert run["training_seconds"] > 0 and len(run["epochs"]) == 1
    assert result["test_accuracy"]["one"]["std"] >= 0
    assert all(value.dtype in (torch.float16, torch.int64) for value in load_file(checkpoint).values())
    assert "wrote" in capsys.readouterr().out


def test_results_go_to_results(train, tmp_path, capsys):
    with pytest.raises(SystemExit):
        train(*COMMON, "--out", tmp_path / "elsewhere.json")
    assert "--out must lie in" in capsys.readouterr().err


def test_a_kill_loses_no_epoch(tmp_path):
    command = [sys.executable, str(SCRIPT), *COMMON, "--epochs", "12"]
    killed = ["--state", str(tmp_path / "killed"), "--checkpoint", str(tmp_path / "killed.safetensors")]
    process = subprocess.Popen(command + killed, env=environment(), stderr=subprocess.DEVNULL)
    folder = tmp_path / "killed" / "cnn_sooner-scenes-1000-12-0"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        if (folder / "state.json").is_file() and len(
            json.loads((folder / "state.json").read_text())["epochs"]
        ) > 2:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "it was over before it could be killed"
    before = json.loads((folder / "state.json").read_text())["epochs"]
    subprocess.run(command + killed, env=environment(), check=True, capture_output=True)
    after = json.loads((folder / "state.json").read_text())["epochs"]
    assert after[: len(before)] == before and len(after) == 12
    whole = ["--state", str(tmp_path / "whole"), "--checkpoint", str(tmp_path / "whole.safetensors")]
    subprocess.run(command + whole, env=environment(), check=True, capture_output=True)
    resumed, straight = (load_file(tmp_path / f"{name}.safetensors") for name in ("killed", "whole"))
    assert all(torch.equal(resumed[key], value) for key, value in straight.items())


@pytest.mark.parametrize("model, tolerance", [("first_cnn", 1e-3), ("cnn_sooner", 1e-2), ("vit_short", 1e-2)])
def test_two_processes_give_what_one_gives(model, tolerance, tmp_path):
    """The sums are taken in another order; Muon makes weak directions strong, and with them what rounding did there.

    The weights are compared as they are stored, in float16.
    """
    arguments = [str(SCRIPT), *COMMON[:4], "--model", model, "--epochs", "1"]
    weights = {}
    for name, starter in {"one": [sys.executable], "two": [*TORCHRUN, "--nproc_per_node=2"]}.items():
        places = ["--state", str(tmp_path / name), "--checkpoint", str(tmp_path / f"{name}.safetensors")]
        done = subprocess.run(
            [*starter, *arguments, *places], env=environment(), capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr[-2000:]
        weights[name] = load_file(tmp_path / f"{name}.safetensors")
    for key, value in weights["one"].items():
        one, two = value.double(), weights["two"][key].double()
        assert (one - two).norm() <= tolerance * one.norm(), key
