"""Fixtures of integration tests are those of generated requests, too."""

from tests.integration.conftest import *  # noqa: F403
