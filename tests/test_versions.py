"""pyproject.toml says what is needed, requirements.lock which versions, environment.yml installs the lock."""

import importlib.metadata
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from utils.runs import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCK_TEXT = (ROOT / "requirements.lock").read_text(encoding="utf-8")
LOCKED = [Requirement(line) for line in LOCK_TEXT.splitlines() if line.strip()]
PLATFORMS = {
    "Linux x86-64": {"sys_platform": "linux", "platform_machine": "x86_64"},
    "macOS": {"sys_platform": "darwin", "platform_machine": "arm64"},
    "Windows": {"sys_platform": "win32", "platform_machine": "AMD64"},
}


def applies(requirement, platform, python):
    environment = {**PLATFORMS[platform], "python_version": python, "python_full_version": f"{python}.7"}
    return requirement.marker is None or requirement.marker.evaluate(environment)


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_dependency_is_locked_once_at_a_version_it_allows(platform, python):
    locked = {}
    for requirement in LOCKED:
        if applies(requirement, platform, python):
            name = canonicalize_name(requirement.name)
            assert name not in locked, f"{name} is locked twice on {platform}"
            locked[name] = str(requirement.specifier).removeprefix("==")
    for text in PROJECT["dependencies"]:
        requirement = Requirement(text)
        if applies(requirement, platform, python):
            version = locked[canonicalize_name(requirement.name)]
            assert requirement.specifier.contains(version), (
                f"{text}, but {version} is locked: run `make lock`"
            )


def test_tensorflow_is_the_light_build_where_there_is_one():
    for platform, expected in {
        "Linux x86-64": "tensorflow-cpu",
        "macOS": "tensorflow",
        "Windows": "tensorflow",
    }.items():
        names = {r.name for r in LOCKED if r.name.startswith("tensorflow") and applies(r, platform, "3.11")}
        assert expected in names and not names & ({"tensorflow", "tensorflow-cpu"} - {expected})


def test_what_is_installed_is_what_is_locked():
    import platform as this

    for requirement in LOCKED:
        if requirement.marker is None or requirement.marker.evaluate():
            version = importlib.metadata.version(requirement.name)
            assert requirement.specifier.contains(version), (
                f"{requirement.name} {version} is installed on {this.system()}: run `make book`"
            )


def test_conda_installs_the_lock_and_a_python_that_the_project_allows():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    *conda, pip = environment["dependencies"]
    assert pip == {"pip": ["-r requirements.lock", "-e ."]}
    python = next(item for item in conda if item.startswith("python="))
    assert Requirement(f"python{PROJECT['requires-python']}").specifier.contains(python.split("=")[1] + ".0")
    assert environment["name"] == PROJECT["name"]


def test_the_lock_holds_no_registry_address():
    assert "://" not in LOCK_TEXT and "--" not in LOCK_TEXT
