import builtins

import pytest

from pgward.connector.needs import check_driver
from pgward.core.errors import NotFoundError


def test_a_machine_without_psycopg_is_told_what_to_install(monkeypatch):
    check_driver()
    real = builtins.__import__

    def without(name, *args, **options):
        if name == "psycopg":
            raise ImportError(name)
        return real(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(NotFoundError, match="psycopg, which is not installed"):
        check_driver()
