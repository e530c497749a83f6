"""Separate environments for the tools of comparison."""

import subprocess
import sys
import sysconfig
from pathlib import Path


def environment(folder: Path, package: str, *, beside_ours: bool = False) -> Path:
    """Return the Python of a virtual environment with a package; create it once.

    Args:
        folder: folder of the environment.
        package: to install.
        beside_ours: let it see our own packages, too, so that both run on the same torch and nothing large is fetched.

    Returns:
        Its Python.
    """
    python = folder / "bin/python"
    done = folder / "complete"
    if not done.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        if beside_ours:
            _site_packages(folder).joinpath("ours.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
        subprocess.run([str(python), "-m", "pip", "install", "-qq", package], check=True)
        done.touch()
    return python


def _site_packages(folder: Path) -> Path:
    return Path(sysconfig.get_path("purelib", "venv", vars={"base": str(folder), "platbase": str(folder)}))
