"""Binary values as text: what the records show is what PostgreSQL prints."""

import psycopg
import pytest
from psycopg.pq import Format

from pgward.audit.records.parameters import binary

VALUES = {
    "bool": ["t", "f"],
    "int2": ["-32768", "7"],
    "int4": ["-2147483648", "0"],
    "int8": ["9223372036854775807"],
    "oid": ["4294967295"],
    "float4": [
        "1.1", "3.4028235e38", "1e-45", "NaN", "-Infinity", "1e6", "123456", "0.0001", "-0",
    ],
    "float8": [
        "0.1", "1e15", "1e16", "123456789012345680", "1e-5", "0.0001", "NaN", "Infinity", "-0",
        "1.7976931348623157e308", "5e-324", "1e22", "100000000000000", "999999999999999.9",
    ],
    "numeric": [
        "0", "-0.00", "1", "10000", "123456789.987654321", "0.0001", "0.00001234", "1e100", "1e-50",
        "NaN", "100.0000", "-12345.6", "0.10", "99990000.00010000",
    ],
    "text": ["", "a'b", "ü€"],
    "bytea": ["\\x", "\\x00ff"],
    "uuid": ["00112233-4455-6677-8899-aabbccddeeff"],
    "date": [
        "2000-01-01", "0001-01-01", "0044-03-15 BC", "12345-06-07", "infinity", "-infinity",
        "1969-12-31", "4713-11-24 BC",
    ],
    "time": ["00:00:00", "23:59:59.999999", "24:00:00", "01:02:03.5"],
    "timetz": ["01:02:03+00", "01:02:03.1-07:30", "01:02:03+05:30:15"],
    "timestamp": [
        "2024-02-29 12:34:56.789", "0044-03-15 01:02:03 BC", "infinity",
        "294276-12-31 23:59:59.999999",
    ],
    "timestamptz": ["2024-02-29 12:34:56.789+00", "-infinity", "0001-12-31 01:02:03+00 BC"],
    "interval": [
        "0", "1 year 2 mons 3 days 04:05:06.789", "-1 year 2 mons", "-1 day +01:00", "1 day -01:00",
        "-00:00:01.5", "100:00:00", "-1 mon +1 day -1 hour", "178000000 years", "1 mon", "-13 mons",
    ],
    "json": ['{"a": 1}'],
    "jsonb": ['{"a": [1, null]}'],
    "inet": ["192.0.2.1", "192.0.2.0/24", "2001:db8::1", "::ffff:1.2.3.4", "2001:db8::/32"],
    "cidr": ["192.0.2.0/24", "192.0.2.1/32", "2001:db8::/32"],
    "macaddr": ["08:00:2b:01:02:03"],
    "macaddr8": ["08:00:2b:01:02:03:04:05"],
    "bit(3)": ["101"],
    "varbit": ["", "1", "101010101"],
    "pg_lsn": ["16/B374D848"],
    "int4[]": ["{}", "{1,NULL,3}", "{{1,2},{3,4}}", "[2:3]={5,6}", "[0:1][-1:0]={{1,2},{3,4}}"],
    "text[]": ['{"","a b",NULL,"NULL","a,b","\\"","\\\\",ü,"{}",null1}', "{'}", '{"a\tb"}'],
    "numeric[]": ["{1.50,NaN}"],
    "timestamptz[]": ['{"2024-02-29 12:34:56+00",NULL}'],
    "bytea[]": ['{"\\\\x00ff"}'],
    "bool[]": ["{t,f}"],
    "jsonb[]": ['{"{\\"a\\": 1}"}'],
}  # fmt: skip


@pytest.fixture(scope="module")
def connection(database_server):
    address = f"host={database_server.socket_dir} port={database_server.port} user=postgres"
    with psycopg.connect(address, options="-c timezone=UTC", autocommit=True) as opened:
        yield opened


@pytest.mark.parametrize("kind", VALUES)
def test_a_binary_value_is_shown_as_postgresql_prints_it(connection, kind):
    for text in VALUES[kind]:
        query, values = f"select ($1::text)::{kind}".encode(), [text.encode()]
        found = connection.pgconn.exec_params(query, values, result_format=Format.BINARY)
        printed = connection.pgconn.exec_params(query, values)
        assert not found.error_message, text
        assert binary(found.get_value(0, 0), found.ftype(0)) == printed.get_value(0, 0).decode()
