"""What the project is compared with. Each module is a contender that takes turns."""
