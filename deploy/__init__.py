"""A deployment on several hosts, and a trial of it on one machine: see README.md."""
