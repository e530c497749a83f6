"""`python -m pangea_cultural`: the `pcult` command where the console script is not on PATH."""

from pangea_cultural.cli import main

if __name__ == "__main__":
    main()
