"""`python -m loadtest`, where the command is not on PATH."""

from loadtest.cli import command

if __name__ == "__main__":
    command()
