"""A stand-in of GitHub, written from GitHub's published description and documentation, and never from our driver.

`service.GitHub` is a server on loopback that keeps state, refuses what the description does not have, answers what it has,
enforces authentication and rate limits, sends deliveries, and serves the repositories over git's smart HTTP. What only the
documentation says (permissions of an operation, what a call changes, limits) is written where it is done, in plain words.
"""
