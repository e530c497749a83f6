"""Upload of a folder to a model's repository in a process of its own, which the training that starts it can end.

    python -m pangea_cultural.utils.hub.process FOLDER REPOSITORY PATH_IN_REPO MESSAGE DELETE

A thread of the training would compete with it for the interpreter, and keep it from ending before all is sent.
"""

import os
import sys
from pathlib import Path

from pangea_cultural.errors import UserError
from pangea_cultural.utils.hub.access import open_hub
from pangea_cultural.utils.hub.upload import Repository, upload

NICENESS = 10
"""Priority below that of the training and its data workers."""


def main() -> None:
    """Upload the folder, or end with an error in one line."""
    folder, name, path_in_repo, message, delete = sys.argv[1:]
    os.nice(NICENESS)
    try:
        repository = Repository(open_hub(quiet=True, login=True), name, "model")
        upload(repository, Path(folder), message, delete=delete, path_in_repo=path_in_repo)
    except (UserError, OSError) as error:
        sys.exit(" ".join(str(error).split()))


if __name__ == "__main__":
    main()
