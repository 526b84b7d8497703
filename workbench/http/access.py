"""Where a server of HTTP listens and whom it answers, as its job's options say."""

from __future__ import annotations

from workbench.core.endpoint import Endpoint
from workbench.core.failure import JobError
from workbench.http.application import Application
from workbench.http.basic import Guarded
from workbench.tls.serving.request import SecureRequest


def http_endpoint(request: SecureRequest) -> Endpoint:
    """The endpoint of a server, tcp: taken for http: and tls: for https:.

    Raises:
        JobError: HTTP is not served over that.
    """
    end = request.endpoint
    if end.scheme in ("tcp", "tls"):
        end = end.with_scheme("https" if end.tls else "http")
    end = request.spoken(end)
    if end.scheme not in ("http", "https", "http+unix", "unix"):
        raise JobError(
            f"HTTP is not served over {end.scheme}",
            advice="use http://HOST:PORT/, https://HOST:PORT/ or unix:PATH",
        )
    return end


def guarded(application: Application, user: str, password: str) -> Application:
    """The application behind a name and a password, where they were given.

    Raises:
        JobError: there is only one of the two, or the name holds a colon.
    """
    if not user and not password:
        return application
    if not user or not password:
        raise JobError(
            "a name and a password go together",
            advice="give --user NAME and --password-env VARIABLE or --password-file FILE",
        )
    if ":" in user:
        raise JobError("a name for Basic authentication holds no colon (RFC 7617)")
    return Guarded(application, user, password)
