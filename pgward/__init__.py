"""PostgreSQL access without shared passwords and without a VPN."""

__version__ = "0.1.0"
