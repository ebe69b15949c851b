"""A closed wing: the sandbox, and what comes from elsewhere. The core does not import it."""
