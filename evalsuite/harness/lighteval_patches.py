"""What lighteval 0.13 needs to run offline and with today's packages. Call `apply_patches` before its pipeline is used."""

import importlib
import logging
import types

import xxhash


def apply_patches() -> None:
    """Mend lighteval 0.13 in this process.

    - Its registry imports every built-in task, and some fetch files from the network at import: only our tasks are
      loaded instead. Tasks are given to it by module, so none of the built-in ones is missed.
    - Its logger hashes text with xxhash, which since 4.0 takes only bytes.
    - Its transformers backend, which we do not use, turns gradients off for the whole process when it is imported: a
      training in the same process would find that nothing can be learnt.
    - It warns once a task that few-shot examples (of which we use none) would be taken from the split that is asked
      about, and `datasets` shows a bar for every file: a screen of lines that say nothing.
    """
    import datasets
    import torch

    with torch.set_grad_enabled(torch.is_grad_enabled()):  # back to what it was, whatever the imports do
        import lighteval.logging.info_loggers as info_loggers

        importlib.import_module("lighteval.pipeline")
        from lighteval.tasks.registry import Registry

    Registry._load_from_files = staticmethod(lambda *_, **__: {})
    Registry._load_from_subdirs = staticmethod(lambda *_, **__: {})
    logging.getLogger("lighteval").setLevel(logging.ERROR)
    datasets.disable_progress_bars()
    info_loggers.xxhash = types.SimpleNamespace(
        xxh64=lambda text: xxhash.xxh64(text.encode() if isinstance(text, str) else text)
    )
