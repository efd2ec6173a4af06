"""Where fixtures come from: one file per resource in tests/fixtures."""

import gc
import os
import signal
import sys
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.fixtures import cheap_hashes

# A busy machine is no failure.
settings.register_profile("patient", settings.default, deadline=None)
settings.load_profile("patient")

# A shell starts background jobs with Ctrl-C ignored, and their children inherit it: tests of
# what Ctrl-C does would wait in vain.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Hundreds of processes begin in a run: none of them shall compile pgward, and no run these tests.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

cheap_hashes.use()


# Seconds that a test of `make test-all` may take; what others may, pyproject.toml says.
LONG = 5400


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the long tests their time: the others fail by name when they hang."""
    for item in items:
        if item.get_closest_marker("soak") or item.get_closest_marker("matrix"):
            item.add_marker(pytest.mark.timeout(LONG))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[object]:
    """Collect tests without looking for garbage among them, now or ever again."""
    gc.disable()
    result = yield
    gc.enable()
    gc.freeze()
    return result


@pytest.fixture(autouse=True)
def same_umask() -> Iterator[None]:
    """Give every test the umask that the run began with: commands in this process change it."""
    before = os.umask(0o022)
    os.umask(before)
    yield
    os.umask(before)


pytest_plugins = [
    "tests.fixtures.authority",
    "tests.fixtures.ca_process",
    "tests.fixtures.ca",  # after ca_process, which it imports
    "tests.fixtures.acme_site",  # after ca and ca_process, which it imports
    "tests.fixtures.quick_accounts",
    "tests.fixtures.quick_clusters",
    "tests.fixtures.quick_stores",
    "tests.fixtures.ca_service",
    "tests.fixtures.web_person",  # after ca_service, which it imports
    "tests.fixtures.web_sessions",
    "tests.fixtures.mail_server",
    "tests.fixtures.access_world",  # after ca_service, whose store it takes
    "tests.fixtures.campaigns",  # after access_world, which it imports
    "tests.fixtures.edge_services",  # after ca_service, which it imports
    "tests.fixtures.portal_world",  # after access_world and edge_services, which it imports
    "tests.fixtures.company",
    "tests.fixtures.disks",
    "tests.fixtures.acme",  # after ca_service, which it imports
    "tests.fixtures.handles",  # after ca_service, which it imports
    "tests.fixtures.keyboard",
    "tests.fixtures.vault",
    "tests.fixtures.logins",  # after ca_service, which it imports
    "tests.fixtures.factors",  # after logins, which it imports
    "tests.fixtures.live_grants",
    "tests.fixtures.lying_provider",
    "tests.fixtures.object_stores",
    "tests.fixtures.oidc_provider",
    "tests.fixtures.oidc_world",  # after ca_service and lying_provider, which it imports
    "tests.fixtures.fake_ca",
    "tests.fixtures.step_ups",  # after fake_ca, which it imports
    "tests.fixtures.fake_log",  # after fake_ca, which it imports
    "tests.fixtures.collector",
    "tests.fixtures.database",
    "tests.fixtures.commands",  # after fake_ca, which it imports
    "tests.fixtures.patients",  # after commands, whose fixture it takes
    "tests.fixtures.fifo",
    "tests.fixtures.filled",  # after ca_process, which it imports
    "tests.fixtures.pki",
    "tests.fixtures.archive_ca",  # after pki, which it imports
    "tests.fixtures.ledger",
    "tests.fixtures.links",  # after pki, which it imports
    "tests.fixtures.aware_database",  # after links, which it imports
    "tests.fixtures.many_cas",  # after ca, ca_process and pkilint, which it imports
    "tests.fixtures.material",  # after pki, which it imports
    "tests.fixtures.hba_host",  # after ca, ca_process and material, which it imports
    "tests.fixtures.pkilint",
    "tests.fixtures.passkeys",  # after logins, which it imports
    "tests.fixtures.pair",  # after ca_service, database and factors, which it imports
    "tests.fixtures.postgres",
    "tests.fixtures.access_server",  # after postgres, which it imports
    "tests.fixtures.access_stage",  # after access_server, which it imports
    "tests.fixtures.upstream_servers",  # after material and postgres, which it imports
    "tests.fixtures.receivers",
    "tests.fixtures.applied",  # after material and postgres, which it imports
    "tests.fixtures.drivers",  # after postgres, which it imports
    "tests.fixtures.go_oracle",  # after drivers, which it imports
    "tests.fixtures.replicas",  # after ca_process, database and filled, which it imports
    "tests.fixtures.balancer",  # after replicas, which it imports
    "tests.fixtures.slapd",
    "tests.fixtures.softhsm",
    "tests.fixtures.sshd",
    "tests.fixtures.ssh_accounts",
    "tests.fixtures.oidc_site",  # after ca, ca_process and oidc_provider, which it imports
    "tests.fixtures.stack",  # after ca and ca_process, which it imports
    "tests.fixtures.archived",  # after ca_service and pki, which it imports
    "tests.fixtures.fake_archive",  # after archived and fake_ca, which it imports
    "tests.fixtures.rotating_ca",  # after ca_service, which it imports
    "tests.fixtures.rotation",  # after stack, which it imports
]
