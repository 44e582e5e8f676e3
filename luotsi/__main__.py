"""`python -m luotsi`: the same as the command."""

from luotsi.cli import main

if __name__ == "__main__":
    main()
