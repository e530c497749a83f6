"""HTTP client with per-host limits, retries and an address check."""
