"""One polite way to the network: limits by host, waiting when told to, and no private addresses unless named."""
