"""
The guarded HTTP client: whoever typed the address, calls go to public addresses only, end in time, and read little.

`address` and `target` say where calls may go, `lookup` asks for a name's addresses, `client` calls, `answer` and
`errors` are what comes back.
"""

from server.outbound.answer import Answer
from server.outbound.client import Outbound
from server.outbound.errors import Failed, OutboundError, Refused, TooLarge, TooSlow, Trouble
from server.outbound.target import ANYWHERE

__all__ = ["ANYWHERE", "Answer", "Failed", "Outbound", "OutboundError", "Refused", "TooLarge", "TooSlow", "Trouble"]
