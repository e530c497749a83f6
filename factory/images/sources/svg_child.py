"""A program that renders SVG files for `svg`, without access to files and network and with little memory.

resvg loads images that an SVG names, and asks for any amount of memory: a filter of a few bytes can need terabytes, and
the process ends. This program has no free file descriptor, so it opens nothing, and its end is one failed drawing.

Each request is a line with JSON (`svg`, `style`, `width`). The answer is its length in four bytes, then `+` and a PNG,
or `-` and an error. It is run by its path, so that it imports nothing of the project.
"""

import contextlib
import json
import sys

MAX_BYTES = 1 << 31
"""Address space. Rendering a drawing takes a few megabytes beside Python and resvg."""


def restrict() -> None:
    """Drop files, network and memory. Systems other than Linux may lack some of the limits."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (MAX_BYTES, MAX_BYTES))
        # 0, 1 and 2 are open: no further descriptor is allowed.
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))


def main() -> None:
    """Answer requests until the parent process closes the pipe."""
    import resvg_py

    resvg_py.svg_to_bytes(svg_string='<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>')
    restrict()
    for line in sys.stdin.buffer:
        request = json.loads(line)
        try:
            answer = b"+" + resvg_py.svg_to_bytes(
                svg_string=request["svg"],
                width=request["width"],
                style_sheet=request["style"] or None,
                skip_system_fonts=True,
            )
        except BaseException as error:  # Such as a panic of Rust.
            answer = b"-" + str(error).encode()
        sys.stdout.buffer.write(len(answer).to_bytes(4, "big") + answer)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
