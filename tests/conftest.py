"""Where fixtures come from: one file per resource in tests/fixtures."""

pytest_plugins = [
    "tests.fixtures.authority",
    "tests.fixtures.ca_process",
    "tests.fixtures.ca",  # after ca_process, which it imports
    "tests.fixtures.ca_service",
    "tests.fixtures.fake_ca",
    "tests.fixtures.commands",  # after fake_ca, which it imports
    "tests.fixtures.fifo",
    "tests.fixtures.pki",
    "tests.fixtures.links",  # after pki, which it imports
    "tests.fixtures.material",  # after pki, which it imports
    "tests.fixtures.pkilint",
    "tests.fixtures.postgres",
    "tests.fixtures.stack",  # after ca and ca_process, which it imports
]
