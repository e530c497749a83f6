"""`python -m pangea_cultural` is `pcult`: used where the console script may not be on PATH."""

from pangea_cultural.cli import main

if __name__ == "__main__":
    main()
