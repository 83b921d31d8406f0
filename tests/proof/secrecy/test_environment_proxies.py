"""The proxy of the environment, for a client with a session of its own."""

from __future__ import annotations

import asyncio
import os
import ssl
import subprocess
import sys
from base64 import b64encode
from pathlib import Path
from urllib.parse import quote

import pytest
import trustme

from lyzr_traces_async import (
    TracesClient,
)
from lyzr_traces_async.testing import FakeTracesServer
from tests.proof.secrecy.listeners import KEY, ONCE, SESSION, over_tls, recording_proxy


async def _reads(server: FakeTracesServer, base_url: str) -> None:
    async with TracesClient(KEY, base_url=base_url, retry=ONCE) as client:
        assert [trace async for trace in client.iter_session_traces(SESSION)] == list(server.traces(SESSION))
    assert all("Authorization" not in request.headers for request in server.requests)


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize("form", ["http://127.0.0.1:{}", "http://127.0.0.1:{}/", "127.0.0.1:{}"])
@pytest.mark.usefixtures("trusted")
async def test_https_goes_through_the_environments_proxy(
    server: FakeTracesServer, certified: ssl.SSLContext, name: str, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client opens a tunnel, so the proxy learns the host's name and nothing else."""
    async with over_tls(server, certified) as base_url, recording_proxy() as proxy:
        monkeypatch.setenv(name, form.format(proxy.port))
        await _reads(server, base_url)
    assert proxy.heard.startswith(b"CONNECT localhost:")
    assert KEY.encode() not in proxy.heard
    assert b"traces/session" not in proxy.heard
    assert b"authorization" not in proxy.heard.lower()


@pytest.mark.usefixtures("trusted")
async def test_the_proxy_for_https_comes_before_the_one_for_all(
    server: FakeTracesServer, certified: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy for plain HTTP is not used for HTTPS."""
    async with over_tls(server, certified) as base_url, recording_proxy() as proxy, recording_proxy() as another:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{another.port}")
        await _reads(server, base_url)
        assert (proxy.connections, another.connections) == (0, 0)
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{another.port}")
        await _reads(server, base_url)
        assert (proxy.connections, another.connections) == (1, 0)


@pytest.mark.parametrize("but", ["localhost", "example.com, localhost", "*", "localhost:{port}"])
@pytest.mark.usefixtures("trusted")
async def test_no_proxy_is_heeded(
    server: FakeTracesServer, certified: ssl.SSLContext, but: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NO_PROXY may name a host with a port or without."""
    async with over_tls(server, certified) as base_url, recording_proxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("NO_PROXY", but.format(port=base_url.split(":")[2].partition("/")[0]))
        await _reads(server, base_url)
        assert proxy.connections == 0
        monkeypatch.setenv("NO_PROXY", "example.com, localhost.example, localhost:1")
        await _reads(server, base_url)
        assert proxy.connections == 1


ODD = "hunter2/@:"


@pytest.mark.parametrize(
    ("who", "says"),
    [(f"they:{quote(ODD, safe='')}", f"they:{ODD}"), ("they", "they:"), (":hunter2", ":hunter2")],
)
@pytest.mark.usefixtures("trusted")
async def test_a_proxy_gets_the_credentials_that_are_for_it(
    server: FakeTracesServer, certified: ssl.SSLContext, who: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client takes them from the proxy's URL and sends them to the proxy only, not to the API."""
    async with over_tls(server, certified) as base_url, recording_proxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{who}@127.0.0.1:{proxy.port}")
        await _reads(server, base_url)
    said = b"\r\nProxy-Authorization: Basic " + b64encode(says.encode()) + b"\r\n"
    assert proxy.heard.count(said) == proxy.connections == 1
    assert all("Proxy-Authorization" not in request.headers for request in server.requests)


@pytest.mark.usefixtures("trusted")
async def test_a_proxy_over_tls_is_a_proxy_too(
    server: FakeTracesServer, certified: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tunnel runs through a connection that is encrypted itself."""
    async with over_tls(server, certified) as base_url, recording_proxy(tls=certified) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"https://localhost:{proxy.port}")
        await _reads(server, base_url)
    assert proxy.heard.startswith(b"CONNECT localhost:")


@pytest.mark.usefixtures("trusted")
async def test_nothing_of_a_netrc_file_is_sent(
    server: FakeTracesServer, certified: ssl.SSLContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the API nor the proxy gets it. A caller who wants that passes a session with `trust_env`."""
    netrc = tmp_path / ".netrc"
    machines = ("localhost", "127.0.0.1", "default")
    netrc.write_text("".join(f"machine {machine} login they password hunter2\n" for machine in machines))
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HOME", str(tmp_path))
    async with over_tls(server, certified) as base_url, recording_proxy() as proxy:
        await _reads(server, base_url)
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        await _reads(server, base_url)
    assert b"authorization" not in proxy.heard.lower()


@pytest.mark.usefixtures("no_proxies")
async def test_the_command_line_has_the_proxy_and_the_authorities_of_its_environment(
    server: FakeTracesServer, certified: ssl.SSLContext, authority: trustme.CA, tmp_path: Path
) -> None:
    """It reads through a proxy, and trusts a certificate that only SSL_CERT_FILE vouches for."""
    pem = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(pem))
    async with over_tls(server, certified) as base_url, recording_proxy() as proxy:
        environment = {
            **os.environ,
            "LYZR_API_KEY": KEY,
            "LYZR_TRACES_BASE_URL": base_url,
            "SSL_CERT_FILE": str(pem),
            "HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}",
        }
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "lyzr_traces_async", "list", SESSION, "--format", "jsonl"),
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        out, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")
    assert len(out.splitlines()) == 45
    assert proxy.heard.startswith(b"CONNECT localhost:")
    assert KEY.encode() not in proxy.heard
