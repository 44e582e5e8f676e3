"""Every message that crosses from one process to another, one file each, with its version.

A controller of version N works with agents of version N-1: fields are added with a default, never renamed.
"""
