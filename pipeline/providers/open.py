"""From settings to the provider they ask for. Adding a provider is one file and two lines here."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.engine.errors import ConfigError
from pipeline.providers.provider import Provider, ProviderSettings


def make_provider(settings: ProviderSettings, environ: Mapping[str, str]) -> Provider:
    """Raises ProviderError where a key is missing, ConfigError for the offline kind, which is not asked over a wire."""
    match settings.kind:
        case "gemini":
            from pipeline.providers.gemini import Gemini

            return Gemini(settings, environ)
        case "openai":
            from pipeline.providers.openai import OpenAI

            return OpenAI(settings, environ)
        case "local":
            from pipeline.providers.local import Local

            return Local(settings)
        case "offline":
            raise ConfigError("The offline provider has no account.", "It answers without a call.", "")
