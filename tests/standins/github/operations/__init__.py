"""The operations, by the description's chapters. Importing this registers them."""

from tests.standins.github.operations import (  # noqa: F401 - each registers its own
    apps,
    check_runs,
    check_suites,
    comments,
    commits,
    deployments,
    git_data,
    hooks,
    meta,
    pulls,
    repos,
    statuses,
)
