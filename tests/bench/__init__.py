"""Speed, as ratios: ours beside the limit (the least work that the job needs) or a peer, in turns, in one run."""
