"""`make bench [ARGS=name]`: all rows, or those of the modules named."""

import sys
from importlib import import_module

from tests.bench import frame

MODULES = ("snapshot", "dispatch", "execution", "footprint")


def main(names: list[str]) -> int:
    """Run the rows and print one table. Exit code 1 when a ratio is over its bound."""
    unknown = [name for name in names if name not in MODULES]
    if unknown:
        sys.exit(f"there is no bench {unknown[0]}; there are: {', '.join(MODULES)}")
    rows: list[frame.Row] = []
    for name in names or MODULES:
        print(f"{name} ...", file=sys.stderr, flush=True)
        rows += import_module(f"tests.bench.{name}").rows()
    return 0 if frame.show(rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
