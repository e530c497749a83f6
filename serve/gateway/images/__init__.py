"""Images of requests: one budget, one decoder, and addresses that may be fetched."""
