"""Serve the simulated payment provider until SIGTERM or Ctrl-C."""

import os
import signal
from argparse import ArgumentParser
from pathlib import Path

from deploy.simulator.provider import Provider
from deploy.simulator.server import Server

_STOP_SIGNALS = {signal.SIGTERM, signal.SIGINT}
_DATA = Path(os.environ.get("GDMARKET_DATA_DIR") or "var")


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="python -m deploy.simulator",
        description="Serve the sandbox over HTTP as a payment provider that can be made to fail while it runs; see "
        "docs/reference/payment-simulator.md. What was answered survives, even a kill. It takes no real money: do not expose it.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8700, help="the port for customers; 0 picks one (default: 8700)")
    parser.add_argument("--control-port", type=int, default=8701, help="the port to set faults on; 0 picks one (default: 8701)")
    default = _DATA / "fake_provider.sqlite3"
    parser.add_argument(
        "--store", "--book", type=Path, metavar="FILE", default=default, help=f"where charges are kept (default: {default})"
    )
    parser.add_argument("--webhook-url", default="", metavar="URL", help="where to send webhooks (default: nowhere)")
    parser.add_argument("--webhook-secret", default="", metavar="SECRET", help="what webhooks are signed with")
    parser.add_argument("--quiet", action="store_true", help="print no line for each call")
    return parser


def main() -> None:
    """Parse the arguments and serve."""
    parser = _parser()
    options = parser.parse_args()
    if options.webhook_url and not options.webhook_secret:
        parser.error("--webhook-url needs a --webhook-secret to sign with")
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)  # every thread inherits this: sigwait alone takes them
    provider = Provider(
        store=options.store,
        webhook_url=options.webhook_url,
        webhook_secret=options.webhook_secret,
        log=(lambda _line: None) if options.quiet else _log,
    )
    try:
        server = Server(provider=provider, address=(options.host, options.port), control=(options.host, options.control_port))
    except (OSError, OverflowError) as error:
        raise SystemExit(f"cannot listen on {options.host}, ports {options.port} and {options.control_port}: {error}") from error
    _log(f"simulator: listening on {_url(server.address)}, faults on {_url(server.control_address)}")
    signal.sigwait(_STOP_SIGNALS)
    server.stop()
    _log("simulator: stopped")


def _log(line: str) -> None:
    print(f"{line}\n", end="", flush=True)  # one write: many threads log


def _url(address: tuple[str, int]) -> str:
    return f"http://{address[0]}:{address[1]}"


if __name__ == "__main__":
    main()
