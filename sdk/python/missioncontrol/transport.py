"""HTTP to a supervisor: kept-alive connections, tokens, TLS, proxies, deadlines."""

from __future__ import annotations

import base64
import email.utils
import http.client
import os
import re
import select
import socket
import ssl
import threading
import time
import urllib.parse
import urllib.request
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple

from . import encoding, errors

DEFAULT_URL = "http://127.0.0.1:8080"
URL_VARIABLE = "SUPERVISOR_URL"
TOKEN_VARIABLE = "SUPERVISOR_TOKEN"
CA_VARIABLE = "SUPERVISOR_CA_FILE"

# How long it may take to connect, to send a request, and by default to get a reply, in seconds.
CONNECT_SECONDS = 5.0
SEND_SECONDS = 30.0
REPLY_SECONDS = 30.0

# Connections that were idle for longer are not used again: a server or proxy closes them.
_MOST_IDLE_SECONDS = 50.0


class Transport:
    """Sends requests to one supervisor, over connections that are kept for the next requests.

    Its methods may be called concurrently. url defaults to SUPERVISOR_URL, or else
    http://127.0.0.1:8080; it may have a path, behind a proxy. token defaults to
    SUPERVISOR_TOKEN. ca_file, which defaults to SUPERVISOR_CA_FILE, has the
    certificates of the authorities to trust in place of the system's. If proxies is true, the
    variables http_proxy, https_proxy and no_proxy apply, except to loopback addresses. name is
    the program's, which the supervisor shows as the author of what it asks for.
    """

    def __init__(
        self,
        url: Optional[str] = None,
        *,
        token: Optional[str] = None,
        ca_file: Optional[str] = None,
        proxies: bool = True,
        name: str = "missioncontrol-python",
    ) -> None:
        self.url = (url or os.environ.get(URL_VARIABLE) or DEFAULT_URL).rstrip("/")
        self.name = name
        parts = _split(self.url)
        self._secure, self._host, self._port, self._path = parts
        self._address = _address(self._host, self._port, self._secure)
        token = os.environ.get(TOKEN_VARIABLE, "") if token is None else token
        self._token = _checked("token", token.strip())
        ca_file = ca_file or os.environ.get(CA_VARIABLE) or None
        self._tls = ssl.create_default_context(cafile=ca_file) if self._secure else None
        self._proxy = _proxy(self._secure, self._host, self._address) if proxies else None
        self._mutex = threading.Lock()
        self._idle: List[Tuple[http.client.HTTPConnection, float]] = []
        self._closed = False

    def copy(self) -> Transport:
        """Returns a transport with the same settings and with connections of its own."""
        other = Transport.__new__(Transport)
        other.__dict__.update(self.__dict__)
        other._mutex, other._idle, other._closed = threading.Lock(), [], False
        return other

    def __enter__(self) -> Transport:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections. Those in use close after their request."""
        with self._mutex:
            idle, self._idle, self._closed = self._idle, [], True
        for connection, _ in idle:
            connection.close()

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Optional[Mapping[str, Any]] = None,
        timeout: float = REPLY_SECONDS,
        on_answer: Optional[Callable[[], None]] = None,
    ) -> Any:
        """Sends a request and returns its reply, decoded.

        timeout limits every wait for the reply or for more of it, in seconds; sending the body may
        take half a minute, over a slow link.
        on_answer is called when the reply begins to arrive. Raises MissionControlError:
        Unreachable if no complete reply came.
        """
        data = None if body is None else encoding.encode(body)
        connection, done = self._send(method, path, query, data, timeout, {})
        try:
            response = connection.getresponse()
            if on_answer is not None:
                on_answer()
            text = response.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise errors.Unreachable(f"no reply from {self.url}: {_said(error)}") from error
        except BaseException:
            connection.close()
            raise
        done(response)
        return _reply(response, text)

    def stream(self, path: str, *, query: Optional[Mapping[str, Any]] = None, timeout: float, headers: Mapping[str, str]) -> Stream:
        """Opens a reply that goes on. timeout limits the wait for each of its parts, in seconds."""
        wanted = {"Accept": "text/event-stream", "Cache-Control": "no-store", **headers}
        connection, _ = self._send("GET", path, query, None, timeout, wanted)
        sock = connection.sock  # the connection forgets it when the reply says that it is the last one
        try:
            response = connection.getresponse()
            if response.status == 200:
                return Stream(sock, response)
            text = response.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise errors.Unreachable(f"no reply from {self.url}: {_said(error)}") from error
        connection.close()
        _reply(response, text)
        raise errors.MissionControlError(f"the answer is {response.status} {response.reason}, and no stream", status=response.status)

    def _send(
        self, method: str, path: str, query: Optional[Mapping[str, Any]], data: Optional[bytes], timeout: float, headers: Dict[str, str]
    ) -> Tuple[http.client.HTTPConnection, Callable[[http.client.HTTPResponse], None]]:
        target = self._path + path
        if query:
            target += "?" + urllib.parse.urlencode({name: _text(value) for name, value in query.items() if value is not None})
        headers = {"Host": self._address, "Mission-Control-Client": self.name, **headers}
        if self._token:
            headers["Authorization"] = "Bearer " + self._token
        if data is not None:
            headers["Content-Type"] = "application/json"
        if self._proxy and not self._secure:
            target = f"http://{self._address}{target}"
            headers.update(self._proxy.headers)
        connection = self._connect()
        try:
            connection.sock.settimeout(SEND_SECONDS)
            connection.request(method, target, body=data, headers=headers)
            connection.sock.settimeout(timeout)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise errors.Unreachable(f"cannot send to {self.url}: {_said(error)}") from error
        return connection, lambda response: self._keep(connection, response)

    def _connect(self) -> http.client.HTTPConnection:
        with self._mutex:
            while self._idle:
                connection, since = self._idle.pop()
                if time.monotonic() - since < _MOST_IDLE_SECONDS and _is_open(connection.sock):
                    return connection
                connection.close()
        connection = self._new_connection()
        try:
            connection.connect()
            connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise errors.Unreachable(f"cannot connect to {self.url}: {_said(error)}", nothing_done=True) from error
        return connection

    def _new_connection(self) -> http.client.HTTPConnection:
        host, port = (self._proxy.host, self._proxy.port) if self._proxy else (self._host, self._port)
        if self._tls is None:
            return http.client.HTTPConnection(host, port, timeout=CONNECT_SECONDS)
        secure = http.client.HTTPSConnection(host, port, timeout=CONNECT_SECONDS, context=self._tls)
        if self._proxy:
            secure.set_tunnel(self._host, self._port, self._proxy.headers)
        return secure

    def _keep(self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse) -> None:
        with self._mutex:
            if not self._closed and not response.will_close:
                self._idle.append((connection, time.monotonic()))
                return
        connection.close()


class Stream:
    """A reply that goes on until one side closes it. began is when it did, by the server's clock."""

    def __init__(self, sock: socket.socket, response: http.client.HTTPResponse) -> None:
        self._socket, self._response = sock, response
        self.began = _date(response.headers.get("Date"))

    def readline(self) -> bytes:
        """Returns the next line, b"" at the end. Raises Unreachable, also when nothing came in time."""
        try:
            return self._response.readline(1 << 23)
        except (OSError, ValueError, AttributeError, http.client.HTTPException) as error:  # some of them after close
            raise errors.Unreachable(f"the stream broke: {_said(error)}") from error

    def close(self) -> None:
        """Ends the stream, also for a thread that reads from it."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it has ended
        self._response.close()
        self._socket.close()


class _Proxy:
    def __init__(self, url: str) -> None:
        parts = urllib.parse.urlsplit(url if "://" in url else "http://" + url)
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError(f"the proxy {parts.hostname or url!r} is not one for HTTP: set no_proxy, or pass proxies=False")
        self.host, self.port = parts.hostname, parts.port or 80
        self.headers: Dict[str, str] = {}
        if parts.username is not None:
            pair = urllib.parse.unquote(parts.username) + ":" + urllib.parse.unquote(parts.password or "")
            self.headers["Proxy-Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()


def _proxy(secure: bool, host: str, address: str) -> Optional[_Proxy]:
    if host == "localhost" or host == "::1" or re.match(r"127\.\d+\.\d+\.\d+$", host):
        return None
    url = urllib.request.getproxies().get("https" if secure else "http")
    return _Proxy(url) if url and not urllib.request.proxy_bypass(address) else None


def _split(url: str) -> Tuple[bool, str, int, str]:
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"url {url!r} is not an http:// or https:// URL")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("url has more than a host, a port and a path; pass the token as token")
    secure = parts.scheme == "https"
    return secure, parts.hostname, parts.port or (443 if secure else 80), _checked("url", parts.path)


def _address(host: str, port: int, secure: bool) -> str:
    host = f"[{host}]" if ":" in host else host
    return host if port == (443 if secure else 80) else f"{host}:{port}"


def _checked(what: str, text: str) -> str:
    if not re.fullmatch(r"[\x21-\x7e]*", text):
        raise ValueError(f"{what} has spaces or characters beyond ASCII")
    return text


def _is_open(sock: Optional[socket.socket]) -> bool:
    """Whether nothing has arrived on an idle connection: what does is its end."""
    try:
        return sock is not None and not select.select([sock], [], [], 0)[0]
    except (OSError, ValueError):  # closed, or a number too large for select
        return False


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _date(header: Optional[str]) -> float:
    try:
        return email.utils.parsedate_to_datetime(header or "").timestamp()
    except (TypeError, ValueError):
        return time.time()


def _said(error: BaseException) -> str:
    return str(error) or type(error).__name__


def _reply(response: http.client.HTTPResponse, text: bytes) -> Any:
    try:
        reply = encoding.decode(text)
    except ValueError:
        raise errors.from_status(response.status, response.reason) from None
    if isinstance(reply, dict) and "error" in reply and response.status >= 400:
        raise errors.from_reply(reply["error"], response.status)
    if not 200 <= response.status < 300:
        raise errors.from_status(response.status, response.reason)
    return reply
