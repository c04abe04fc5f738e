"""Where things are, from environment variables with working defaults."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

ROOT = Path(__file__).resolve().parents[2]


class Settings(BaseSettings):
    """Folders, the warehouse file and the pseudonym key.

    Each is read from `MONITOR_<NAME>`; relative paths are relative to the project's root.
    """

    model_config = SettingsConfigDict(
        env_prefix="MONITOR_",
        env_ignore_empty=True,
        hide_input_in_errors=True,  # an error message is no place for a key
    )

    landing: Path = Path("landing")
    archive: Path = Path("archive")
    warehouse: Path = Path("warehouse/monitor.duckdb")
    published: Path = Path("published")
    data_docs: Path = Path("data_docs")
    # days that the original of an accepted delivery stays in the landing folder; empty: always
    keep_originals_days: int | None = Field(default=None, ge=0)
    # deliveries beyond these limits are refused until somebody has looked
    max_delivery_megabytes: int = Field(default=4_000, ge=1)
    max_delivery_rows: int = Field(default=5_000_000, ge=1)
    max_delivery_columns: int = Field(default=5_000, ge=1)
    max_delivery_cells: int = Field(default=20_000_000, ge=1)  # of a worksheet
    report: bool = True  # write the public report into each release; half a minute
    release_batch: bool = False  # publish corrections of a few respondents too
    commit: str | None = None  # of the code, where it stands outside git, as in an image
    pseudonym_key: SecretStr | None = Field(default=None)
    keep_releases: int = Field(default=0, ge=0)  # 0: all; the current one is always kept
    sensor_seconds: int = Field(default=30, ge=1)  # between two looks at the landing folder
    alert_webhook: SecretStr | None = None  # an address that takes JSON with `text`
    alert_smtp: SecretStr | None = None  # smtp://user:password@host:port
    alert_sender: str = "monitor@localhost"
    alert_recipients: str = ""

    @field_validator("landing", "archive", "warehouse", "published", "data_docs")
    @classmethod
    def _below_root(cls, path: Path) -> Path:
        return path if path.is_absolute() else ROOT / path

    @field_validator("pseudonym_key")
    @classmethod
    def _long_enough(cls, key: SecretStr | None) -> SecretStr | None:
        if key is None or not key.get_secret_value():
            return None
        if len(key.get_secret_value()) < 16:
            raise ValueError("MONITOR_PSEUDONYM_KEY is shorter than 16 characters")
        return key


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process; read once."""
    return Settings()
