"""No error and no log shows the password of a proxy."""

from __future__ import annotations

import logging
import socket
import ssl
from base64 import b64encode
from typing import Any

import aiohttp
import pytest

from lyzr_traces_async import (
    APIConnectionError,
    InvalidArgumentError,
    RetryPolicy,
    TracesClient,
)
from lyzr_traces_async.testing import FakeTracesServer
from tests.proof.secrecy.listeners import KEY, ONCE, REFUSALS, SESSION, over_tls, recording_proxy
from tests.proof.secrecy.showing import check_hidden


async def _fails(base_url: str, attempts: int = 1) -> APIConnectionError:
    policy = RetryPolicy(attempts=attempts, wait_initial=0.01, wait_jitter=0)
    async with TracesClient(KEY, base_url=base_url, retry=policy) as client:
        with pytest.raises(APIConnectionError) as raised:
            await client.list_session_traces(SESSION)
    return raised.value


@pytest.mark.parametrize(("refusal", "attempts"), [("a password is needed", 1), ("an error", 3)])
@pytest.mark.usefixtures("trusted")
async def test_a_proxy_that_refuses_is_an_error_without_its_password(
    refusal: str, attempts: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """If the proxy rejects the password, the client does not retry, since the outcome would be the same."""
    caplog.set_level(logging.DEBUG)
    async with recording_proxy(REFUSALS[refusal] + b"Content-Length: 2\r\n\r\n{}") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://they:hunter2@127.0.0.1:{proxy.port}")
        error = await _fails("https://localhost:1/v1", attempts=3)
    assert error.attempts == attempts
    for secret in (KEY, "hunter2", b64encode(b"they:hunter2").decode()):
        check_hidden(error, secret)
        assert secret not in caplog.text


@pytest.mark.parametrize("whose", ["ours", "the caller's", "the caller's, by the environment"])
@pytest.mark.usefixtures("trusted")
@pytest.mark.filterwarnings("ignore:.*aiohttp.encode_basic_auth:DeprecationWarning")
async def test_a_proxy_that_is_not_there_is_an_error_without_its_password(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, whose: str
) -> None:
    """The error of aiohttp would quote it, together with all it knows of the connection."""
    caplog.set_level(logging.DEBUG)
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        proxy = f"http://they:hunter2@127.0.0.1:{held.getsockname()[1]}"
        if whose == "the caller's":
            session = aiohttp.ClientSession(proxy=proxy)
        else:
            monkeypatch.setenv("HTTPS_PROXY", proxy)
            session = aiohttp.ClientSession(trust_env=True)
        own = None if whose == "ours" else session
        async with session, TracesClient(KEY, base_url="https://localhost:1/v1", retry=ONCE, session=own) as client:
            with pytest.raises(APIConnectionError, match="ClientProxyConnectionError") as raised:
                await client.list_session_traces(SESSION)
    assert isinstance(raised.value.__cause__, OSError)
    for secret in ("hunter2", b64encode(b"they:hunter2").decode()):
        check_hidden(raised.value, secret)
        assert secret not in caplog.text


@pytest.mark.parametrize("told", ["by the session", "by the environment"])
@pytest.mark.usefixtures("no_proxies")
@pytest.mark.filterwarnings("ignore:.*aiohttp.encode_basic_auth:DeprecationWarning")
async def test_a_certificate_behind_a_proxy_that_does_not_verify_is_an_error_without_its_password(
    server: FakeTracesServer, certified: ssl.SSLContext, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error of aiohttp would quote it. Ours has the certificate error as its cause."""
    async with over_tls(server, certified) as base_url, recording_proxy() as proxy:
        address = f"http://they:hunter2@127.0.0.1:{proxy.port}"
        how: dict[str, Any] = {"proxy": address}
        if told == "by the environment":
            monkeypatch.setenv("HTTPS_PROXY", address)
            how = {"trust_env": True}
        async with aiohttp.ClientSession(**how) as session:
            client = TracesClient(KEY, base_url=base_url, session=session)
            with pytest.raises(APIConnectionError, match="does not verify") as raised:
                await client.list_session_traces(SESSION)
    assert raised.value.attempts == 1
    assert isinstance(raised.value.__cause__, ssl.SSLCertVerificationError)
    for secret in (KEY, "hunter2", b64encode(b"they:hunter2").decode()):
        check_hidden(raised.value, secret)


@pytest.mark.parametrize("proxy", ["socks5://they:hunter2@127.0.0.1:1080", "http://they:hunter2@:99999", "http://"])
@pytest.mark.usefixtures("no_proxies")
async def test_an_unsupported_proxy_is_refused_rather_than_bypassed(
    proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests must not leave by another way. The error does not quote the URL, which may hold a password."""
    monkeypatch.setenv("ALL_PROXY", proxy)
    async with TracesClient(KEY) as client:
        with pytest.raises(InvalidArgumentError, match=r"ALL_PROXY.*SOCKS.*`session`") as raised:
            await client.list_session_traces(SESSION)
    check_hidden(raised.value, "hunter2")
