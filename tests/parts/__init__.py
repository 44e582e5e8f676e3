"""The real parts that tests run against, one small file each.

A test names a fixture (`postgres`, `docker_engine`, ...) and gets a running part on loopback. A part is installed when it
is missing and may be, started once a session by the first test that names it, and stopped by its process id at the end.
"""
