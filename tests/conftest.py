"""For all tests."""

from hypothesis import settings

pytest_plugins = ["pytester"]  # allowed in a conftest only at the root of the tests

# No test is timed: how long an example takes is another process's doing (first draws of a bootstrap, a busy machine).
settings.register_profile("untimed", settings(), deadline=None)
settings.load_profile("untimed")
