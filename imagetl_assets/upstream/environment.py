"""What the environment says of connections: proxies, certificates, passwords; as with requests."""

from __future__ import annotations

import ipaddress
import os
import ssl
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from imagetl_assets.upstream.errors import PermanentError


def proxy_for(url: str) -> str | None:
    """Return the URL of the proxy that the environment names for `url`, or None.

    The variables are `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy`, in either case. What
    is on this machine itself is never asked of a proxy.
    """
    from requests.utils import get_environ_proxies, select_proxy

    if is_loopback(urlsplit(url).hostname or ""):
        return None
    proxy = select_proxy(url, get_environ_proxies(url))
    return f"http://{proxy}" if proxy and "://" not in proxy else proxy


def is_loopback(host: str) -> bool:
    """Return whether a host's name or address can only be that of this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def credentials(url: str) -> tuple[str, str] | None:
    """Return user and password for `url`: those in it, or those in `~/.netrc` for its host."""
    from requests.utils import get_auth_from_url, get_netrc_auth

    user, password = get_auth_from_url(url)
    if user or password:
        return user, password
    found = get_netrc_auth(url)
    return (found[0], found[1]) if found else None


def tls_context() -> ssl.SSLContext:
    """Return what decides which certificates are good.

    Those are trusted that `REQUESTS_CA_BUNDLE`, `CURL_CA_BUNDLE`, or else `SSL_CERT_FILE` or
    `SSL_CERT_DIR` name, by default those of the package certifi.

    Raises:
        PermanentError: the environment names something else than certificates.
    """
    import certifi

    names = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")
    name = next((name for name in names if os.environ.get(name)), None)
    place = os.environ[name] if name else certifi.where()
    try:
        return _context(place, os.stat(place).st_mtime_ns)
    except (OSError, ssl.SSLError):
        raise PermanentError(f"{name or 'certifi'} names no certificates: {place}") from None


class _Context(ssl.SSLContext):
    """Does not take a connection that was cut for one that was closed: a body may end with it."""

    def wrap_socket(self, *args: Any, **options: Any) -> ssl.SSLSocket:
        options["suppress_ragged_eofs"] = False
        return super().wrap_socket(*args, **options)


@lru_cache(maxsize=4)
def _context(place: str, changed: int) -> ssl.SSLContext:
    context = _Context(ssl.PROTOCOL_TLS_CLIENT)
    if os.path.isdir(place):
        context.load_verify_locations(capath=place)
    else:
        context.load_verify_locations(cafile=place)
    return context
