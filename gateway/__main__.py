"""`gateway …` = `python -m gateway …`."""

from gateway.cli.commands import main

if __name__ == "__main__":
    main()
