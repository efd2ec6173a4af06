"""Where fixtures come from: one file per resource in tests/fixtures."""

pytest_plugins = [
    "tests.fixtures.authority",
    "tests.fixtures.ca",
    "tests.fixtures.ca_process",
    "tests.fixtures.ca_service",
    "tests.fixtures.pki",
    "tests.fixtures.pkilint",
    "tests.fixtures.postgres",
]
