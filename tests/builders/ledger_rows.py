"""Rows of the ledger as the controller would have written them: one method a noun, each with everything that it needs.

`Rows(ledger)` inserts at once and answers with the ids; whatever is not said gets a value that could be true. Names and
numbers come from a counter, so that the same calls give the same rows.
"""

from tests.builders.row_writer import NOW, Execution, Repository, sha256
from tests.builders.rows_of_git import GitRows
from tests.builders.rows_of_names import NameRows
from tests.builders.rows_of_results import MadeRows, final_log, log_records
from tests.builders.rows_of_work import WorkRows

__all__ = ["NOW", "Execution", "Repository", "Rows", "final_log", "log_records", "sha256"]


class Rows(GitRows, WorkRows, MadeRows, NameRows):
    """Every builder of rows in one."""
