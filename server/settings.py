"""
Owns every setting: its type, unit, default and meaning, read once from `BOOKABLE_*` environment variables.

Leaves checking them against real services to `bookable doctor`.
"""

from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

IPNetwork = IPv4Network | IPv6Network


def within(address: str, networks: tuple[IPNetwork, ...]) -> bool:
    """Whether *address* lies in one of *networks*; an IPv4 address in IPv6 clothes counts as what it is."""
    if not is_address(address):
        return False
    parsed = ip_address(address)
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return any(parsed in network for network in networks)


def is_address(text: str) -> bool:
    """Whether *text* is an IP address."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _comma_separated(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Networks = Annotated[tuple[IPNetwork, ...], NoDecode, BeforeValidator(_comma_separated)]


class HttpSettings(BaseModel):
    """`BOOKABLE_HTTP_*`: how the web process listens and what it believes."""

    host: str = "127.0.0.1"
    """Address to listen on. `0.0.0.0` listens on all; put a TLS proxy in front."""

    port: int = Field(default=8080, ge=0, le=65535)
    """Port to listen on."""

    base_url: str = "http://127.0.0.1:8080"
    """What people type. Every link is built from it, never from a request's Host header."""

    processes: int = Field(default=1, ge=1, le=64)
    """Web processes that `bookable up` and `demo` start on one port."""

    access_log: bool = False
    """A line per request. Usually the proxy in front writes one already; paths are logged without their tokens."""

    trusted_proxies: Networks = ()
    """Proxies whose X-Forwarded-For is believed, comma-separated. Empty: the peer's address counts."""

    body_limit_bytes: int = Field(default=64 * 1024, ge=1024)
    """Largest request body; more answers 413."""

    operator_token: SecretStr | None = None
    """Bearer token for `/metrics` and for the details of `/readyz`. Unset: both are open to whoever reaches them."""

    hsts_s: int = Field(default=31_536_000, ge=0)
    """How long browsers that came over https ask for nothing else (Strict-Transport-Security); sent only with an https
    `base_url`. 0: not sent."""

    local_only: bool = False
    """Refuse requests that a proxy forwards. `demo` sets it: it has no limits and shows all mails."""

    behind_http2: bool = False
    """True where a proxy speaks HTTP/2 to browsers: only then is the event stream announced to widgets."""

    @field_validator("base_url")
    @classmethod
    def _without_trailing_slash(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return value.rstrip("/")


class DatabaseSettings(BaseModel):
    """`BOOKABLE_DATABASE_*`: Postgres, the only truth."""

    url: str | None = None
    """`postgresql://user:password@host/name`. Unset: `demo` and `up` start a Postgres of their own."""

    pool_size: int = Field(default=12, ge=1, le=200)
    """Connections per process. A request that waits longer than `pool_timeout_ms` for one gets a 503."""

    pool_timeout_ms: int = Field(default=2_000, ge=50)
    """Longest wait for a free connection."""

    statement_timeout_ms: int = Field(default=5_000, ge=100)
    """Longest statement of a request; then 503."""

    lock_timeout_ms: int = Field(default=3_000, ge=50)
    """Longest wait for a booking lock; then 503 with Retry-After."""

    prepared_statements: bool = True
    """Turn off behind a PgBouncer older than 1.21 in transaction mode; tell a newer one to
    `ignore_startup_parameters = plan_cache_mode`."""


class RedisSettings(BaseModel):
    """`BOOKABLE_REDIS_*`: queue and cache. May vanish at any moment."""

    url: str | None = None
    """`redis://host:6379/0` or `unix:///path`. Unset: `demo` and `up` start a Redis of their own."""

    timeout_ms: int = Field(default=150, ge=10)
    """Longest wait for Redis within a request; then the request goes on without it."""

    pause_after_failure_ms: int = Field(default=1_000, ge=0)
    """How long requests leave Redis alone after it failed one of them."""


class CacheSettings(BaseModel):
    """`BOOKABLE_CACHE_*`: computed availability, kept per process."""

    ttl_s: int = Field(default=60, ge=0)
    """Longest life of an answer. 0 turns the cache off."""

    max_bytes: int = Field(default=64 * 1024 * 1024, ge=0)
    """Memory for answers in one process; the least recently used goes first."""

    max_computing: int = Field(default=64, ge=1)
    """Availability answers computed at once in one process; beyond that a stale answer or 503."""


class LimitSettings(BaseModel):
    """`BOOKABLE_LIMIT_*`: rate limits, in the notation `number/period` (`100/minute`)."""

    read_per_ip: str = "300/minute"
    """Public reads from one network: an IPv4 address, or an IPv6 prefix (below)."""

    write_per_ip: str = "60/minute"
    """Public writes (holds, bookings, cancellations) from one network."""

    per_key: str = "1200/minute"
    """Requests with one API key."""

    failed_keys_per_ip: str = "20/minute"
    """Wrong API keys from one network; further wrong ones answer 429. A right key always gets through, and so does a
    right manage token: guessing 192 bits needs no limit."""

    ipv6_prefix: int = Field(default=64, ge=32, le=128)
    """Leading bits of an IPv6 address that name one network. 64 is what every customer line and every server has."""

    ipv6_wide_prefix: int = Field(default=48, ge=16, le=128)
    """Leading bits of what one customer or site may have at most; counted too, more loosely."""

    ipv4_wide_prefix: int = Field(default=32, ge=8, le=32)
    """The same for IPv4. 32: each address counts alone, and nothing wider does."""

    wide_factor: int = Field(default=8, ge=1)
    """How many times the limits of one network the wide one around it may use."""

    streams_per_network: int = Field(default=20, ge=1)
    """Event streams of free times that one network may keep open, per process; further clients poll."""

    exempt: Networks = ()
    """Addresses without limits, comma-separated. `demo` exempts loopback, so that it can be load-tested."""


class BookingSettings(BaseModel):
    """`BOOKABLE_BOOKING_*`: the booking core."""

    hold_s: int = Field(default=300, ge=10, le=3600)
    """Life of a hold."""

    idempotency_h: int = Field(default=24, ge=1, le=168)
    """How long an Idempotency-Key's answer is kept."""

    starts_per_network: int = Field(default=3, ge=1, le=1_000)
    """Times that strangers from one network may have of one business at once: held, or booked within ten minutes under
    addresses that are not proved. Networks are those of `BOOKABLE_LIMIT_*`. A business may set its own."""

    bookings_per_network_day: int = Field(default=5, ge=1, le=10_000)
    """Bookings of one business from one network in 24 hours, until their addresses are proved. A business may set its
    own."""

    bookings_per_address: int = Field(default=5, ge=1, le=10_000)
    """Upcoming bookings of one business from one network under one address, until it is proved. What other networks
    booked under it does not count. A business may set its own."""

    waiting_per_network: int = Field(default=3, ge=1, le=1_000)
    """Places on the waitlist of one business that strangers from one network may have. A business may set its own."""

    wide_factor: int = Field(default=8, ge=1)
    """How many times these figures the wide network around it may use."""

    confirm_s: int = Field(default=900, ge=60, le=86_400)
    """How long a time is held until its customer follows the link in the mail, where a business confirms addresses."""

    surge_least: int = Field(default=20, ge=2)
    """So many times that strangers have booked or hold within an hour may be an attack: the business is told, if they
    are also more than `surge_factor` times what the busiest hour of the week before had."""

    surge_factor: int = Field(default=3, ge=1)
    """See there."""

    surge_guard_min: int = Field(default=120, ge=10, le=10_080)
    """How long addresses are then confirmed by mail, where a business wants that (`on_surge`)."""

    networks_days: int = Field(default=30, ge=1, le=365)
    """How long it is kept where a stranger's booking came from. Until then, a burst can be cancelled by its network."""


class ProofSettings(BaseModel):
    """`BOOKABLE_PROOF_*`: the work that strangers' devices do where a business asks for it (`guard: proof`)."""

    cost: int = Field(default=2_000, ge=100, le=100_000)
    """Rounds of PBKDF2 for one guess: about a millisecond on a desktop, three on a phone."""

    guesses: int = Field(default=500, ge=2, le=100_000)
    """Guesses of a usual challenge; each takes half to one and a half times as many: a second or two on a phone."""

    hardest: int = Field(default=4, ge=1, le=32)
    """How many times as many for a network that keeps asking for challenges. Some seconds on a phone; no more, because
    somebody may share that network."""

    life_s: int = Field(default=600, ge=60, le=3_600)
    """How long a challenge may be solved and shown."""


class MailSettings(BaseModel):
    """`BOOKABLE_MAIL_*`: how mail leaves. Without `host` or `folder` it waits in the queue."""

    host: str | None = None
    """SMTP server."""

    port: int = Field(default=587, ge=1, le=65535)
    """Its port."""

    tls: Literal["starttls", "implicit", "none"] = "starttls"
    """`starttls` (587) and `implicit` (465) verify the certificate and never fall back to plain text."""

    user: str | None = None
    """User name, where the server asks for one."""

    password: SecretStr | None = None
    """Its password."""

    sender: str = "bookings@localhost.localdomain"
    """From and ORGANIZER of every mail. With `reply_domain` set, each attendee gets an address of their own there."""

    reply_domain: str | None = None
    """Domain whose mail reaches `BOOKABLE_INBOUND_*`: answers to invitations come back there."""

    folder: str | None = None
    """Write mails into this folder instead of sending them, readable for its owner only."""

    mailbox: bool = False
    """Show the mails of `folder`, with the links in them, at `/mailbox`, to this machine only. `demo` sets it."""

    timeout_s: float = Field(default=20.0, ge=0.1)
    """Longest that one attempt may take."""

    connections: int = Field(default=4, ge=1, le=50)
    """SMTP connections per worker, kept open between mails."""

    per_address_day: int = Field(default=40, ge=1)
    """Most mails to one customer address a day; more are refused and listed."""

    unproved_per_address_day: int = Field(default=5, ge=1)
    """Of these, most to an address about bookings for which nobody has proved it; what is beyond is only listed, until
    the link in one is followed. Reminders, returned money and what the business itself changes are always told of."""

    per_provider_hour: int = Field(default=60, ge=1)
    """Most mails an hour to a provider about what customers do whose address is not proved; what is beyond is only
    listed. Notices to the owner are always sent."""


class InboundSettings(BaseModel):
    """`BOOKABLE_INBOUND_*`: answers to invitations (iTIP REPLY, COUNTER, REFRESH)."""

    host: str = "127.0.0.1"
    """Address on which the worker listens for SMTP."""

    port: int | None = Field(default=None, ge=0, le=65535)
    """Port for SMTP; unset: no listener."""

    max_bytes: int = Field(default=1024 * 1024, ge=1024)
    """Largest mail that is read."""

    webhook_secret: SecretStr | None = None
    """Secret (`whsec_...`) of calls to `/v1/inbound/mail`, signed as Standard Webhooks; unset: 404."""


class SmsSettings(BaseModel):
    """`BOOKABLE_SMS_*`: how text messages leave."""

    channel: Literal["off", "console", "twilio"] = "off"
    """`console` logs them; `twilio` is any service with Twilio's Messages API."""

    url: str = "https://api.twilio.com"
    """Base URL of the service."""

    account: str = ""
    """Account SID."""

    token: SecretStr | None = None
    """Auth token; also checks the signature of status callbacks."""

    sender: str = ""
    """Number in E.164, or a messaging service's SID."""

    countries: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_comma_separated)] = ()
    """Regions (`DE,FR`) that text messages may go to; `*`: all. Empty: those that the business is in, as its locations'
    holidays and zones, its phone and its providers' phones tell."""

    per_number_day: int = Field(default=6, ge=1)
    """Most text messages to one number a day."""

    per_business_day: int = Field(default=500, ge=0)
    """Most text messages of one business a day: what an attack can cost."""

    timeout_s: float = Field(default=10.0, ge=0.1)
    """Longest that one attempt may take."""


class WebhookSettings(BaseModel):
    """`BOOKABLE_WEBHOOK_*`: calls to the endpoints of businesses."""

    timeout_s: float = Field(default=15.0, ge=0.1)
    """Longest that one attempt may take."""

    rotation_h: int = Field(default=24, ge=0)
    """How long the old secret signs beside the new one."""

    allowed_networks: Networks = ()
    """Private networks that endpoints may lie in, comma-separated. Empty: only public addresses."""


class PaymentSettings(BaseModel):
    """`BOOKABLE_PAYMENT_*`: how customers pay beforehand."""

    stripe_key: SecretStr | None = None
    """Stripe secret key; unset: services cannot ask for payment online."""

    stripe_webhook_secret: SecretStr | None = None
    """Signing secret of `/v1/inbound/stripe`."""

    stripe_url: str = "https://api.stripe.com"
    """Base URL of Stripe's API."""

    hold_s: int = Field(default=1_800, ge=60, le=7_200)
    """Life of a hold while its customer pays."""


class FeedSettings(BaseModel):
    """`BOOKABLE_FEED_*`: what subscribers of calendars get."""

    past_days: int = Field(default=60, ge=0, le=3_650)
    """How far a feed reaches back."""

    future_days: int = Field(default=400, ge=1, le=3_650)
    """How far a feed reaches ahead."""

    cancelled_days: int = Field(default=30, ge=0)
    """How long a cancelled appointment stays, as STATUS:CANCELLED, so that subscribers drop it."""

    refresh_min: int = Field(default=15, ge=1)
    """How often calendar apps are told to ask again."""


class CalendarSettings(BaseModel):
    """`BOOKABLE_CALENDAR_*`: providers' own calendars, synced both ways."""

    min_interval_s: int = Field(default=120, ge=1)
    """How often a calendar in which something happens is asked."""

    max_interval_s: int = Field(default=1_800, ge=1)
    """How often one in which nothing does; in between it adapts."""

    deletion_hold_s: int = Field(default=60, ge=0)
    """How long a booking that is gone from a calendar is waited for: it may only be on its way to another."""

    timeout_s: float = Field(default=20.0, ge=0.1)
    """Longest that one call to a calendar server may take."""

    round_s: float = Field(default=45.0, ge=1, le=50)
    """Longest that one round with a connection may take; the next goes on where it ended."""

    max_bytes: int = Field(default=20 * 1024 * 1024, ge=1024)
    """Longest answer of a calendar server."""

    syncing: int = Field(default=50, ge=1, le=1_000)
    """Connections synced at once, per worker."""

    per_server: int = Field(default=10, ge=1)
    """Of these, how many at one calendar server; the rest waits its turn."""

    expanders: int = Field(default=1, ge=1, le=16)
    """Processes that expand recurring events, per worker; each is killed when an event takes it too long."""

    allowed_networks: Networks = ()
    """Private networks that calendar servers may lie in, comma-separated. Empty: only public addresses."""

    google_client_id: str = ""
    """OAuth client of your Google Cloud project; empty: Google cannot be connected."""

    google_client_secret: SecretStr | None = None
    """Its secret."""

    google_caldav_url: str = "https://apidata.googleusercontent.com/caldav/v2"
    """Google's CalDAV."""

    google_api_url: str = "https://www.googleapis.com/calendar/v3"
    """Google's Calendar API, for push notifications."""

    google_oauth_url: str = ""
    """Base URL of a stand-in for Google's OAuth servers, for tests."""

    microsoft_client_id: str = ""
    """Application (client) id in Microsoft Entra; empty: Outlook and Microsoft 365 cannot be connected."""

    microsoft_client_secret: SecretStr | None = None
    """Its secret."""

    microsoft_graph_url: str = "https://graph.microsoft.com/v1.0"
    """Microsoft Graph; national clouds have their own."""

    microsoft_oauth_url: str = "https://login.microsoftonline.com"
    """Microsoft's sign-in; national clouds have their own."""


class WorkerSettings(BaseModel):
    """`BOOKABLE_WORKER_*`: the work after the commit."""

    lease_s: float = Field(default=6.0, ge=1)
    """How long a worker owns what it is sending, unless it says that it is still at it; then another may."""

    poll_s: float = Field(default=1.0, ge=0.05)
    """How often a worker looks into Postgres by itself, whatever Redis says."""

    sending: int = Field(default=20, ge=1, le=500)
    """Messages in the air at once, per worker."""

    nice: int = Field(default=5, ge=0, le=19)
    """How far a worker steps back where it shares processors with web processes: bookings come first."""

    horizon_s: int = Field(default=120, ge=10)
    """How far ahead reminders become timed jobs."""


class SecretSettings(BaseModel):
    """`BOOKABLE_SECRET_*`: what makes tokens unguessable and stored answers unreadable."""

    keys: Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(_comma_separated)] = ()
    """Secrets of 32 or more characters, comma-separated: the first signs and seals, all are tried when reading.
    Every process needs the same. `demo` and `up` make one and keep it in their data folder."""

    @field_validator("keys")
    @classmethod
    def _long_enough(cls, keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if any(len(key.get_secret_value()) < 32 for key in keys):
            raise ValueError("each secret must have at least 32 characters")
        return keys


class Settings(BaseSettings):
    """All settings. `BOOKABLE_DATABASE_URL` is `settings.database.url`, and so on."""

    model_config = SettingsConfigDict(
        env_prefix="BOOKABLE_", env_nested_delimiter="_", env_nested_max_split=1, extra="ignore"
    )

    http: HttpSettings = HttpSettings()
    database: DatabaseSettings = DatabaseSettings()
    redis: RedisSettings = RedisSettings()
    cache: CacheSettings = CacheSettings()
    limit: LimitSettings = LimitSettings()
    booking: BookingSettings = BookingSettings()
    proof: ProofSettings = ProofSettings()
    mail: MailSettings = MailSettings()
    inbound: InboundSettings = InboundSettings()
    sms: SmsSettings = SmsSettings()
    webhook: WebhookSettings = WebhookSettings()
    payment: PaymentSettings = PaymentSettings()
    feed: FeedSettings = FeedSettings()
    calendar: CalendarSettings = CalendarSettings()
    worker: WorkerSettings = WorkerSettings()
    secret: SecretSettings = SecretSettings()
