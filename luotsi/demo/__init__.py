"""The demonstration: one real commit travels the whole way through real parts, and anybody can watch."""
