"""
Owns where a request really comes from.

Leaves how often it may come to `redis/rate_limits`.
"""

from aiohttp import web

from server.settings import IPNetwork, is_address, within


def client_address(request: web.Request, trusted: tuple[IPNetwork, ...]) -> str:
    """
    The nearest address that is not one of our own proxies: what stands left of it is hearsay.

    Args:
        trusted: The proxies whose X-Forwarded-For is believed.
    """
    peer = request.remote or "127.0.0.1"  # a unix socket has no peer address
    if not trusted or not within(peer, trusted):
        return peer
    hops = [hop.strip() for value in request.headers.getall("X-Forwarded-For", ()) for hop in value.split(",")]
    for hop in reversed(hops):
        if not is_address(hop):
            return peer
        if not within(hop, trusted):
            return hop
        peer = hop
    return peer
