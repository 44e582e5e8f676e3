"""All that touches git: mirrors of repositories, snapshots of commits, statuses as notes, and who looks when."""
