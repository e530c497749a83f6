"""Separate environments for the tools of comparison."""

import subprocess
import sys
import sysconfig
from pathlib import Path


def environment(folder: Path, package: str, *, share_packages: bool = False) -> Path:
    """Return the Python of a virtual environment with a package; create it once.

    Args:
        folder: folder of the environment.
        package: to install.
        share_packages: also use the packages of this environment, so that both run on the same torch.

    Returns:
        Its Python.
    """
    python = folder / "bin/python"
    done = folder / "complete"
    if not done.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        if share_packages:
            site_packages(folder).joinpath("packages.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
        subprocess.run([str(python), "-m", "pip", "install", "-qq", package], check=True)
        done.touch()
    return python


def site_packages(folder: Path) -> Path:
    return Path(sysconfig.get_path("purelib", "venv", vars={"base": str(folder), "platbase": str(folder)}))
