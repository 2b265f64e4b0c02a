"""
Owns the way through paying as tests take it: a shop that wants money beforehand, a customer, what becomes of both.

Leaves what Stripe says to `peers/stripe`.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from aiohttp.test_utils import TestClient

from server.payments import open_methods
from server.settings import WorkerSettings
from server.usecases.cancel import cancel
from server.usecases.dispatch import dispatch
from server.usecases.places import target_of_token
from server.usecases.settle_payments import settle_due
from server.worker.deeds import ReturnMoney
from server.worker.pump import Lane, Pump
from tests.peers.stripe import Stripe, event, event_about
from tests.world import World, no_key

Client = TestClient[Any, Any]


@dataclass
class Till:
    """A shop whose service is paid online, its web server, and its account at Stripe."""

    client: Client
    world: World
    stripe: Stripe

    @property
    def base(self) -> str:
        return f"/v1/businesses/{self.world.slug}"

    async def begin(self, *, hour: int = 10, status: int = 201, email: str = "robin@example.com") -> dict[str, Any]:
        """A customer holds a time and presses "Pay"."""
        held = await self.world.hold(self.world.at(hour))
        order = {**self.world.order_json(self.world.at(hour)), "hold": held.token}
        order["customer"]["email"] = email
        response = await self.client.post(f"{self.base}/payments", json=order)
        body: dict[str, Any] = await response.json()
        assert response.status == status, body
        return body

    async def tell(self, kind: str, about: dict[str, Any], **how: Any) -> int:
        """Stripe calls; what it is answered."""
        body, headers = event_about(kind, about, **how)
        return (await self.client.post("/v1/inbound/stripe", data=body, headers=headers)).status

    async def pay(self, *, hour: int = 10) -> dict[str, Any]:
        """The whole way to a booking."""
        begun = await self.begin(hour=hour)
        self.stripe.pay()
        await self.told()
        return begun

    async def told(self) -> None:
        """Stripe says that the only session is complete."""
        body, headers = event(self.stripe.session["id"])
        assert (await self.client.post("/v1/inbound/stripe", data=body, headers=headers)).status == 204

    async def look(self) -> None:
        """Time has passed: the worker looks at whatever waits to be looked at."""
        await self.world.sql("UPDATE payments SET next_look_at = clock_timestamp() WHERE next_look_at IS NOT NULL")
        await self.world.sql("DELETE FROM set_aside")
        await settle_due(self.world.core, open_methods(self.stripe.settings))

    async def run_out(self) -> None:
        """The customer took too long to pay."""
        for table in ("holds", "claims"):
            await self.world.sql(f"UPDATE {table} SET expires_at = clock_timestamp() WHERE expires_at IS NOT NULL")

    async def cancel(self) -> None:
        """The customer cancels what they paid for."""
        salt = (await self.world.sql("SELECT token_salt FROM attendees"))[0]["token_salt"]
        token = self.world.core.vault.new_manage_token(salt)
        await cancel(self.world.core, await target_of_token(self.world.core, token), no_key())

    async def statuses(self) -> list[str]:
        return [row["status"] for row in await self.world.sql("SELECT status FROM payments ORDER BY id")]

    async def trouble(self) -> str:
        (row,) = await self.world.sql("SELECT trouble FROM payments")
        return str(row["trouble"])

    async def appointments(self) -> int:
        rows = await self.world.sql("SELECT count(*) FROM appointments WHERE status = 'confirmed'")
        return int(rows[0][0])

    async def facts(self) -> list[str]:
        """What was told about payments, in its order."""
        rows = await self.world.sql("SELECT kind FROM outbox WHERE kind LIKE 'payment.%' ORDER BY id")
        return [row["kind"] for row in rows]

    async def mails(self) -> list[tuple[str, str]]:
        """Who is written to about payments: message and address."""
        await dispatch(self.world.core)
        rows = await self.world.sql(
            "SELECT message, target FROM deliveries WHERE channel = 'mail' AND message LIKE 'payment%' ORDER BY id"
        )
        return [(row["message"], row["target"]) for row in rows]

    async def work(self, *, times: int = 1) -> list[tuple[str, int, str]]:
        """The worker returns money, waiting for nothing: state, tries and detail of each delivery."""
        lane = Lane({"refund": ReturnMoney(self.world.core, open_methods(self.stripe.settings))}, 4, per_peer=2)
        for _ in range(times):
            await self.world.sql("UPDATE deliveries SET due_at = clock_timestamp() WHERE state = 'retrying'")
            await Pump(self.world.core, [lane], WorkerSettings(poll_s=0.05)).drain()
        rows = await self.world.sql("SELECT state, tries, detail FROM deliveries WHERE channel = 'refund' ORDER BY id")
        return [(row["state"], row["tries"], row["detail"]) for row in rows]

    async def decide(self, begun: dict[str, Any], what: str, *, status: int = 200) -> dict[str, Any]:
        """A person decides."""
        url = f"{self.base}/payments/{UUID(begun['id'])}/{what}"
        response = await self.client.post(url, headers=self.world.auth)
        body: dict[str, Any] = await response.json()
        assert response.status == status, body
        return body
