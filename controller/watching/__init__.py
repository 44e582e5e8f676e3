"""Looks at repositories, and gives every commit that came into view its snapshot and its verdict."""
