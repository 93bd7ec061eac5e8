"""What the project is compared with. Each module is the program of one contender."""
