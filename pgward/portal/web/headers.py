"""What every page tells the browser not to do."""

from types import MappingProxyType

_CSP = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types pgward-live",
)
COMMON = MappingProxyType(
    {
        "X-Content-Type-Options": "nosniff",
        # With "no-referrer" browsers send forms with `Origin: null` (Fetch standard, section 3.2).
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
)
PAGE = MappingProxyType(
    {
        **COMMON,
        "Cache-Control": "no-store",
        "Content-Security-Policy": "; ".join(_CSP),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": (
            "publickey-credentials-get=(self), publickey-credentials-create=(self)"
        ),
        "X-Frame-Options": "DENY",
    }
)
