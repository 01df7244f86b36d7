"""For all tests."""

pytest_plugins = ["pytester"]  # allowed in a conftest only at the root of the tests
