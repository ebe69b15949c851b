"""The sandbox and everything that handles untrusted programs. The core does not import it."""
