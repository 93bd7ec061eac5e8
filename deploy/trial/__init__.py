"""A whole deployment on this machine, for trial: `python -m deploy.trial start|status|stop`."""
