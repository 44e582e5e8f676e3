"""`make bench [ARGS=name]`: all rows, or those of the modules named."""

import logging
import sys
from importlib import import_module

import structlog

from tests.bench import frame
from tests.parts import home

MODULES = ("snapshot", "dispatch", "execution", "footprint", "webhooks", "watch")


def main(names: list[str]) -> int:
    """Run the rows and print one table. Exit code 1 when a ratio is over its bound."""
    unknown = [name for name in names if name not in MODULES]
    if unknown:
        sys.exit(f"there is no bench {unknown[0]}; there are: {', '.join(MODULES)}")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    own_home = home.move()
    rows: list[frame.Row] = []
    try:
        for name in names or MODULES:
            print(f"{name} ...", file=sys.stderr, flush=True)
            rows += import_module(f"tests.bench.{name}").rows()
    finally:
        home.leave(own_home)
    return 0 if frame.show(rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
