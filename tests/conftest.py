"""Where fixtures come from: one file per resource in tests/fixtures."""

pytest_plugins = ["tests.fixtures.pki", "tests.fixtures.postgres"]
