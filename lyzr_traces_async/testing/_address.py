"""Check the address of a server, and make its base URL. Pure."""

from __future__ import annotations

import ipaddress
from typing import Any

from .._arguments import _HOST_NAME, check_count
from ..errors import InvalidArgumentError


def check_address(host: object, port: object) -> None:
    """Check an address before a socket is opened.

    :raises InvalidArgumentError: if ``host`` is neither a name nor an IP address, or ``port`` is not in 0..65535.
    """
    if not isinstance(host, str) or not (_HOST_NAME.fullmatch(host) or _is_ip(host)):
        raise InvalidArgumentError(
            "host must be a name or an IP address without brackets and port, such as 127.0.0.1, or 0.0.0.0 for all "
            f"addresses of this machine, not {host!r}"
        )
    check_count("port", port, 65535, minimum=0)


def base_url_at(address: tuple[Any, ...]) -> str:
    """Return the base URL at which a client on this machine reaches a server with this socket address."""
    host = ipaddress.ip_address(address[0])
    if host.is_unspecified:
        host = ipaddress.ip_address("127.0.0.1" if host.version == 4 else "::1")
    return f"http://{host if host.version == 4 else f'[{host}]'}:{address[1]}/v1"


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
