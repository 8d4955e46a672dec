"""Settings that know their value, where it came from, their unit and their bounds, and that are refused as a
whole with every mistake listed. The groups of an application are declared with the same means as our own."""

from plimsoll.settings.base import Settings, read_settings
from plimsoll.settings.database import DatabaseSettings
from plimsoll.settings.declaration import setting
from plimsoll.settings.production import Production
from plimsoll.settings.records import Problem, SettingRow, SettingsError, Source
from plimsoll.settings.service import ServiceSettings
from plimsoll.settings.tls import TlsSettings
from plimsoll.settings.topology import TopologySettings

__all__ = [
    "DatabaseSettings",
    "Problem",
    "Production",
    "ServiceSettings",
    "SettingRow",
    "Settings",
    "SettingsError",
    "Source",
    "TlsSettings",
    "TopologySettings",
    "read_settings",
    "setting",
]
