"""What the tests ask for Celery's workers, of which there are none."""

app = None
