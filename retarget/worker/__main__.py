"""`python -m retarget.worker`: see the package's docstring."""

import os
import sys


def main() -> None:
    """Keep the pipes to ourselves, so that no library can write into the answers, then serve."""
    source = os.fdopen(os.dup(0), "rb")
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)

    from retarget.worker.server import Worker

    Worker(source, sink).serve()
    sys.stderr.flush()
    os._exit(0)  # threads of libraries must not keep the process


if __name__ == "__main__":
    main()
