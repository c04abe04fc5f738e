"""Find the deliveries: `landing/<wave_id>/<respondent_group>.<format>` and `delivery.yml`."""

from __future__ import annotations

import difflib
import hashlib
import reprlib
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from orchestration.lib.codebook import Codebook, normalise_name
from orchestration.lib.landing.errors import DeliveryError
from orchestration.lib.landing.readers import ReadOptions, advice, formats

MANIFEST = "delivery.yml"
CORRECTIONS = "corrections"  # corrections.csv; in the register it stands where a group does
NO_FILE = "is no ordinary file. Deliver the file itself."
LARGEST_MANIFEST = 100_000  # bytes


class Manifest(BaseModel):
    """`delivery.yml`: what the agency says about the files of one wave."""

    model_config = ConfigDict(extra="forbid")

    synthetic: bool = False
    agency: str | None = None
    withdrawn: list[str] = Field(default_factory=list)
    files: dict[str, ReadOptions] = Field(default_factory=dict)


@dataclass(frozen=True)
class Delivery:
    """One file that can be landed."""

    wave_id: str
    respondent_group: str
    path: Path
    options: ReadOptions
    is_synthetic: bool


@dataclass(frozen=True)
class Stray:
    """A file or folder in the landing folder that is no delivery, and why."""

    wave_id: str
    respondent_group: str
    path: Path
    reason: str


@dataclass
class Landing:
    """What the landing folder holds."""

    deliveries: list[Delivery] = field(default_factory=list)
    strays: list[Stray] = field(default_factory=list)
    corrections: list[Delivery] = field(default_factory=list)
    # wave and group of what `delivery.yml` withdraws
    withdrawn: set[tuple[str, str]] = field(default_factory=set)

    @property
    def waves(self) -> set[str]:
        """Waves of which something is delivered, corrected or withdrawn, or has a stray file."""
        delivered = {item.wave_id for item in (*self.deliveries, *self.corrections)}
        withdrawn = {wave_id for wave_id, _ in self.withdrawn}
        return delivered | withdrawn | {item.wave_id for item in self.strays}


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The nearest known name as a question, or nothing."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def shown(name: str) -> str:
    """A file name as it can be read and stored: what cannot be seen stands escaped."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in name
    )


def plain(name: str) -> str:
    """A file name with one form for é, which some systems write as e and an accent."""
    return unicodedata.normalize("NFC", name)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, read in pieces; hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_manifest(path: Path, codebook: Codebook) -> Manifest:
    name = f"{path.parent.name}/{path.name}"
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise DeliveryError(f"{name}: {NO_FILE}")
    if not path.exists():
        return Manifest()
    if path.stat().st_size > LARGEST_MANIFEST:
        raise DeliveryError(
            f"{name}: is larger than {LARGEST_MANIFEST:,} bytes. It only says how to read files."
        )
    try:
        text = path.read_text(encoding="utf-8-sig")
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text)):
            raise ValueError("aliases (*name) are not taken, for they can grow without end")
        content = yaml.safe_load(text)
        if isinstance(content, dict) and isinstance(content.get("files"), dict):
            named = {
                codebook.group_names.get(normalise_name(str(group)), group): options
                for group, options in content["files"].items()
            }
            if len(named) < len(content["files"]):
                raise ValueError("`files` names a group twice, under two of its names")
            content["files"] = named
        manifest = Manifest.model_validate({} if content is None else content)
    except UnicodeDecodeError:
        raise DeliveryError(f"{name}: is not UTF-8. Save it as UTF-8.") from None
    except ValidationError as error:
        details = "; ".join(
            f"{'.'.join(map(str, item['loc'])) or 'content'}: {item['msg']} "
            f"(found {reprlib.repr(item['input'])})"
            for item in error.errors()
        )
        raise DeliveryError(
            f"{name}: {details}. Known keys: synthetic, agency and files with file, encoding, "
            "delimiter, sheet, header_rows for each group, and withdrawn: a list of groups."
        ) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        detail = " ".join(str(error).split())
        raise DeliveryError(
            f"{name}: is no valid YAML: {detail}. Correct it, or take it away."
        ) from None
    manifest.withdrawn = [
        codebook.group_names.get(normalise_name(group), group) for group in manifest.withdrawn
    ]
    spoken_of = [("files", group) for group in manifest.files]
    spoken_of += [("withdrawn", group) for group in manifest.withdrawn if group != CORRECTIONS]
    unknown = [(key, group) for key, group in spoken_of if group not in codebook.groups]
    if unknown:
        key, group = unknown[0]
        raise DeliveryError(
            f"{name}: `{key}` names the unknown group {group!r}."
            f"{did_you_mean(group, codebook.groups)} Known groups: "
            f"{', '.join(codebook.groups)}."
        )
    files = [options.file for options in manifest.files.values() if options.file]
    twice = [file for file in files if files.count(file) > 1]
    if twice:
        raise DeliveryError(
            f"{name}: names the file {twice[0]!r} for more than one group. Name a file a group."
        )
    return manifest


def _discover_wave(folder: Path, codebook: Codebook) -> Landing:
    wave_id, found = shown(folder.name), Landing()
    files = [
        path
        for path in sorted(folder.iterdir())
        if not path.name.startswith(".") and path.name != MANIFEST and path.suffix != ".done"
    ]

    def refuse(path: Path, group: str, reason: str) -> None:
        found.strays.append(Stray(wave_id, group, path, f"{wave_id}/{shown(path.name)}: {reason}"))

    if wave_id not in codebook.waves:
        reason = (
            f"unknown wave {wave_id!r}.{did_you_mean(wave_id, codebook.waves)} Known waves: "
            f"{', '.join(codebook.waves)}. Move the file to the folder of its wave, or add the "
            "wave to seeds/codebook/waves.csv."
        )
        for path in files or [folder]:
            refuse(path, "", reason)
        return found
    try:
        manifest = _read_manifest(folder / MANIFEST, codebook)
    except DeliveryError as error:
        found.strays.append(Stray(wave_id, "", folder / MANIFEST, str(error)))
        return found

    found.withdrawn = {(wave_id, group) for group in manifest.withdrawn}
    named = {
        plain(options.file): group for group, options in manifest.files.items() if options.file
    }
    candidates: dict[str, list[Path]] = {}
    for path in files:
        group = named.get(plain(path.name)) or codebook.group_names.get(normalise_name(path.stem))
        suffix = path.suffix.lower().removeprefix(".")
        is_correction = path.name.lower() == f"{CORRECTIONS}.csv"
        if not path.is_file() or path.is_symlink():
            refuse(path, group or "", NO_FILE)
        elif not path.name.isprintable():
            refuse(
                path,
                group or "",
                "has a character in its name that cannot be seen or read. Rename the file.",
            )
        elif path.name.startswith("~$"):
            refuse(path, "", "is what Excel keeps while a workbook is open. Close the workbook.")
        elif (wave_id, CORRECTIONS if is_correction else group) in found.withdrawn:
            continue
        elif is_correction:
            found.corrections.append(
                Delivery(wave_id, CORRECTIONS, path, ReadOptions(), manifest.synthetic)
            )
        elif suffix not in formats():
            refuse(path, group or "", advice(path.suffix))
        elif group is None:
            stem = normalise_name(path.stem)
            refuse(
                path,
                "",
                f"unknown respondent group {path.stem!r}."
                f"{did_you_mean(stem, codebook.group_names)} Known groups: "
                f"{', '.join(codebook.groups)}. Rename the file, or name it in {MANIFEST} under "
                "`files`.",
            )
        elif not codebook.variables(wave_id, group):
            refuse(
                path,
                group,
                f"group {group!r} has no columns in wave {wave_id!r}: it was not asked then. Add "
                "its rows to seeds/codebook/variables.csv, or take the file away.",
            )
        else:
            candidates.setdefault(group, []).append(path)
    for file_name, group in named.items():
        here = {plain(path.name) for path in files}
        if file_name not in here and (wave_id, group) not in found.withdrawn:
            refuse(
                folder / file_name, group, f"is named in {MANIFEST} for {group!r} but is not there."
            )
    for group, paths in candidates.items():
        if len(paths) > 1:
            names = ", ".join(path.name for path in paths)
            for path in paths:
                refuse(path, group, f"more than one file for {group!r}: {names}. Leave one.")
        else:
            found.deliveries.append(
                Delivery(
                    wave_id,
                    group,
                    paths[0],
                    manifest.files.get(group, ReadOptions()),
                    manifest.synthetic,
                )
            )
    return found


def discover(landing: Path, codebook: Codebook, waves: Iterable[str] | None = None) -> Landing:
    """What lies in the landing folder, for the given waves or all.

    Files that are no delivery come back as strays with a reason; none is silently passed over.
    """
    found = Landing()
    if not landing.is_dir():
        return found
    wanted = None if waves is None else set(waves)
    for entry in sorted(landing.iterdir()):
        if entry.name.startswith(".") or (wanted is not None and entry.name not in wanted):
            continue
        if entry.is_symlink() or not entry.is_dir():
            found.strays.append(
                Stray(
                    "",
                    "",
                    entry,
                    f"{shown(entry.name)}: lies in the landing folder itself and is no folder of a "
                    "wave. Move it to the folder of its wave, such as 2022-voorjaar/.",
                )
            )
            continue
        wave = _discover_wave(entry, codebook)
        found.deliveries += wave.deliveries
        found.strays += wave.strays
        found.corrections += wave.corrections
        found.withdrawn |= wave.withdrawn
    order = {group: position for position, group in enumerate(codebook.groups)}
    found.deliveries.sort(key=lambda item: (item.wave_id, order[item.respondent_group]))
    return found
