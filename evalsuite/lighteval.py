"""lighteval's own command line with this project's patches: `python -m evalsuite.lighteval`.

lighteval 0.13 asks the hub and other servers when it is imported, and its logger breaks with xxhash 4. All of its
commands are there. Its built-in tasks are not: they download files when they are imported.
"""

from evalsuite.harness import lighteval_patches


def main() -> None:
    """Run lighteval with the arguments of this process."""
    lighteval_patches.apply_patches()
    from lighteval.__main__ import app

    app()


if __name__ == "__main__":
    main()
