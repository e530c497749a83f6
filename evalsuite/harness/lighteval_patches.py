"""Patches for lighteval 0.13: offline use and newer packages."""

import importlib
import logging
import types

import xxhash


def apply_patches() -> None:
    """Patch lighteval 0.13 in this process; call it before the pipeline is used.

    - The registry imports every built-in task, and some of them download files at import. The patch loads none of them,
    because the pipeline gets its tasks as a module.
    - The logger hashes text with xxhash, which accepts only bytes since version 4.
    - The transformers backend, which is not used, disables gradients for the whole process at import. A later training
      in the same process would fail.
    - lighteval warns once per task about few-shot examples, which are not used, and `datasets` shows a progress bar per
      file. Both are silenced.
    """
    import datasets
    import torch

    # The context restores the setting that the imports change.
    with torch.set_grad_enabled(torch.is_grad_enabled()):
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
