"""The environment that is recorded with a run."""

import platform

from pangea_cultural.utils import environment


def test_versions_leave_out_packages_that_are_not_installed():
    installed = environment.versions(["numpy", "no-such-package"])
    assert list(installed) == ["numpy"] and installed["numpy"][0].isdigit()


def test_machine_names_cores_and_python():
    assert environment.machine().endswith(f"cores, Python {platform.python_version()}")


def test_peak_memory_is_that_of_a_python_process():
    assert 5e6 < environment.peak_memory_bytes() < 1e12
