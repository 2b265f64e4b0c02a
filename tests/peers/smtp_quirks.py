"""
Owns the list of what mail servers say about the account that sends, each with its source.

Leaves saying it to `smtp_server`.
"""

from collections.abc import Mapping

QUIRKS: Mapping[str, tuple[str, str, str]] = {
    "limit of a day, Google": (
        "DATA",
        "550 5.4.5 Daily user sending limit exceeded",
        "https://support.google.com/a/answer/3726730",
    ),
    "limit of a day, Exchange": (
        "DATA",
        "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException",
        "https://learn.microsoft.com/exchange/mail-flow-best-practices/non-delivery-reports-in-exchange-online",
    ),
    "not allowed to send as": (
        "DATA",
        "554 5.2.252 SendAsDenied; not allowed to send as this sender",
        "https://learn.microsoft.com/exchange/mail-flow-best-practices/non-delivery-reports-in-exchange-online",
    ),
    "not permitted to send as this sender": (
        "DATA",
        "550 5.7.60 SMTP; Client does not have permissions to send as this sender",
        "https://learn.microsoft.com/exchange/troubleshoot/email-delivery/550-5-7-60-error",
    ),
    "basic authentication is switched off": (
        "MAIL",
        "550 5.7.30 Basic authentication is not supported for Client Submission",
        "https://learn.microsoft.com/exchange/clients-and-mobile-in-exchange-online/smtp-auth-retirement",
    ),
    "the relay does not take our sender": (
        "MAIL",
        "553 5.7.1 Sender address rejected: not owned by user",
        "https://www.postfix.org/postconf.5.html#reject_sender_login_mismatch",
    ),
}
"""Name: the command, the answer and its source."""
