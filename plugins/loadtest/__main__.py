"""`python -m loadtest`, where the command is not on PATH."""

from loadtest.cli import main

if __name__ == "__main__":
    main()
