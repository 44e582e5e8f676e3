"""One test per story: real git, a real ledger, a real queue, the true agent code."""
