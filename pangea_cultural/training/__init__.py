"""Training: from data sources to a checkpoint, with mixture, packing, resume and validation."""

import logging

# peft imports bitsandbytes if it is there. On some CPUs that warns of missing kernels, which are not needed.
logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)
