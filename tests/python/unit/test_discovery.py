"""The landing folder: what is a delivery, and what is refused with which words."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestration.lib.codebook import Codebook
from orchestration.lib.landing.discovery import Landing, did_you_mean, discover, file_sha256

FIRST, SECOND = "2022-voorjaar", "2023-najaar"
codebook = Codebook()


def put(landing: Path, name: str, content: str = "x") -> Path:
    path = landing / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    return path


def groups(found: Landing) -> list[tuple[str, str, str]]:
    return [(item.wave_id, item.respondent_group, item.path.name) for item in found.deliveries]


def reasons(found: Landing) -> list[str]:
    return [stray.reason for stray in found.strays]


def only_reason(landing: Path) -> str:
    found = discover(landing, codebook)
    assert len(found.strays) == 1, found.strays
    return found.strays[0].reason


def test_no_folder_and_an_empty_one(tmp_path: Path) -> None:
    assert discover(tmp_path / "landing", codebook) == Landing()
    assert discover(tmp_path, codebook) == Landing()
    (tmp_path / FIRST).mkdir()
    assert discover(tmp_path, codebook) == Landing()


def test_files_by_wave_and_group(tmp_path: Path) -> None:
    for name in (f"{SECOND}/swv.sav", f"{FIRST}/ouder.parquet", f"{FIRST}/leraar.xlsx"):
        put(tmp_path, name)
    found = discover(tmp_path, codebook)
    assert groups(found) == [
        (FIRST, "leraar", "leraar.xlsx"),
        (FIRST, "ouder", "ouder.parquet"),
        (SECOND, "swv", "swv.sav"),
    ]
    assert found.strays == [] and found.waves == {FIRST, SECOND}
    assert not any(delivery.is_synthetic for delivery in found.deliveries)
    assert groups(discover(tmp_path, codebook, [SECOND])) == [(SECOND, "swv", "swv.sav")]
    assert discover(tmp_path, codebook, []) == Landing()


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("Leraren.csv", "leraar"),
        ("LERAAR.CSV", "leraar"),
        ("Leraren & mentoren.csv", "leraar"),
        ("Ondersteuningscoördinatoren.csv", "intern_begeleider"),
        ("gemeente-beleid.csv", "gemeente_beleid"),
    ],
)
def test_files_named_by_synonyms(tmp_path: Path, name: str, group: str) -> None:
    put(tmp_path, f"{FIRST}/{name}")
    assert groups(discover(tmp_path, codebook)) == [(FIRST, group, name)]


def test_hidden_files_and_signals_are_passed_over(tmp_path: Path) -> None:
    for name in (".DS_Store", f"{FIRST}/.~lock.leraar.csv#", f"{FIRST}/klaar.done", ".git/config"):
        put(tmp_path, name)
    assert discover(tmp_path, codebook) == Landing()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (f"{FIRST}/lerar.csv", ["unknown respondent group 'lerar'", "Did you mean 'leraar'?"]),
        (f"{FIRST}/x.csv", ["Known groups: swv, ", "name it in delivery.yml under `files`"]),
        (f"{FIRST}/leraar.txt", ["format '.txt' cannot be delivered: name it .csv"]),
        (f"{FIRST}/leraar", ["format '' cannot be delivered: use csv, sav"]),
        (f"{FIRST}/leraar.csv/part.csv", ["is no ordinary file"]),
        (f"{FIRST}/leerling.csv", ["'leerling' has no columns in wave", "it was not asked"]),
        (f"{FIRST}/delivery.yaml", ["format '.yaml' cannot be delivered"]),
        ("2022-voorjar/leraar.csv", ["unknown wave", "Did you mean '2022-voorjaar'?", "waves.csv"]),
        ("leraar.csv", ["lies in the landing folder itself"]),
    ],
)
def test_strays_are_named_with_the_way_out(tmp_path: Path, name: str, words: list[str]) -> None:
    put(tmp_path, name)
    reason = only_reason(tmp_path)
    assert not [word for word in words if word not in reason], reason
    assert discover(tmp_path, codebook).deliveries == []


def test_an_empty_folder_of_an_unknown_wave(tmp_path: Path) -> None:
    (tmp_path / "2030-najaar").mkdir()
    assert "unknown wave '2030-najaar'" in only_reason(tmp_path)


def test_strays_of_a_known_group_are_registered_with_it(tmp_path: Path) -> None:
    put(tmp_path, f"{FIRST}/leraren.pdf")
    (stray,) = discover(tmp_path, codebook).strays
    assert (stray.wave_id, stray.respondent_group) == (FIRST, "leraar")


def test_links_are_refused_wherever_they_lie(tmp_path: Path) -> None:
    outside = put(tmp_path, "outside/leraar.csv")
    landing = tmp_path / "landing"
    put(landing, f"{FIRST}/ouder.csv")
    (landing / FIRST / "leraar.csv").symlink_to(outside)
    (landing / FIRST / "swv.csv").symlink_to(tmp_path / "nowhere.csv")
    (landing / SECOND).symlink_to(outside.parent, target_is_directory=True)
    found = discover(landing, codebook)
    assert groups(found) == [(FIRST, "ouder", "ouder.csv")]
    assert {stray.path.name for stray in found.strays} == {"leraar.csv", "swv.csv", SECOND}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_refused_and_never_waited_for(tmp_path: Path) -> None:
    (tmp_path / FIRST).mkdir()
    os.mkfifo(tmp_path / FIRST / "leraar.csv")
    assert "is no ordinary file" in only_reason(tmp_path)


# --- delivery.yml ---------------------------------------------------------------------------


def test_the_manifest_tells_how_to_read(tmp_path: Path) -> None:
    put(tmp_path, f"{FIRST}/export 123.csv")
    put(tmp_path, f"{FIRST}/ouders.xlsx")
    put(
        tmp_path,
        f"{FIRST}/delivery.yml",
        "synthetic: true\nagency: Bureau\nfiles:\n"
        "  leraar: {file: export 123.csv, encoding: cp1252, delimiter: ';'}\n"
        "  ouder: {sheet: Data, header_rows: 2}\n",
    )
    found = discover(tmp_path, codebook)
    assert found.strays == []
    teacher, parent = found.deliveries
    assert (teacher.respondent_group, teacher.path.name) == ("leraar", "export 123.csv")
    assert (teacher.options.encoding, teacher.options.delimiter) == ("cp1252", ";")
    assert (parent.respondent_group, parent.path.name) == ("ouder", "ouders.xlsx")
    assert (parent.options.sheet, parent.options.header_rows) == ("Data", 2)
    assert teacher.is_synthetic and parent.is_synthetic


@pytest.mark.parametrize("content", ["", "# nothing to say\n", "{}"])
def test_an_empty_manifest_says_nothing(tmp_path: Path, content: str) -> None:
    put(tmp_path, f"{FIRST}/delivery.yml", content)
    put(tmp_path, f"{FIRST}/leraar.csv")
    (delivery,) = discover(tmp_path, codebook).deliveries
    assert not delivery.is_synthetic


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("synthetic: [", ["is no valid YAML"]),
        ("synthetic: true\n\tfiles: {}", ["is no valid YAML"]),
        ("synthetic: 2024-99-99", ["is no valid YAML"]),
        ("\x00", ["is no valid YAML"]),
        ("[" * 1000, ["is no valid YAML"]),
        ("- leraar", ["content: "]),
        ("leraar.csv", ["content: "]),
        ("synthetic: misschien", ["synthetic: ", "(found 'misschien')"]),
        ("sinthetic: true", ["sinthetic: ", "Known keys: synthetic, agency and files"]),
        ("files: {leraar: {codering: utf-8}}", ["files.leraar.codering: ", "Known keys"]),
        ("files: {leraar: {header_rows: 0}}", ["files.leraar.header_rows: "]),
        ("files: {leraar: {delimiter: tab}}", ["files.leraar.delimiter: "]),
        ("files: {leraar: leraar.csv}", ["files.leraar: "]),
        ("files: {lerar: {file: a.csv}}", ["unknown group 'lerar'", "Did you mean 'leraar'?"]),
        ("files: {leraar: {}, leraren: {}}", ["names a group twice"]),
        ("a: &a [x, x]\nb: *a", ["aliases", "can grow without end"]),
        ("# " + "x" * 100_000, ["is larger than 100,000 bytes"]),
        ("files: {leraar: {file: ../../etc/passwd}}", ["files.leraar.file: ", "plain name"]),
        ("files: {leraar: {file: /etc/passwd}}", ["files.leraar.file: ", "plain name"]),
        (
            "files: {leraar: {file: a.csv}, ouder: {file: a.csv}}",
            ["names the file 'a.csv' for more than one group"],
        ),
    ],
)
def test_a_manifest_that_cannot_be_followed_stops_its_wave(
    tmp_path: Path, content: str, words: list[str]
) -> None:
    put(tmp_path, f"{FIRST}/delivery.yml", content)
    put(tmp_path, f"{FIRST}/leraar.csv")
    put(tmp_path, f"{SECOND}/leraar.csv")
    found = discover(tmp_path, codebook)
    assert groups(found) == [(SECOND, "leraar", "leraar.csv")]
    (stray,) = found.strays
    assert (stray.wave_id, stray.path) == (FIRST, tmp_path / FIRST / "delivery.yml")
    assert stray.reason.startswith(f"{FIRST}/delivery.yml: ")
    assert not [word for word in words if word not in stray.reason], stray.reason


def test_a_manifest_in_another_encoding(tmp_path: Path) -> None:
    put(tmp_path, f"{FIRST}/delivery.yml").write_bytes("agency: Één".encode("cp1252"))
    assert "is not UTF-8" in only_reason(tmp_path)


@pytest.mark.parametrize("target", ["elsewhere.yml", "nowhere.yml"])
def test_a_manifest_that_is_a_link(tmp_path: Path, target: str) -> None:
    put(tmp_path, "elsewhere.yml", "synthetic: true")
    (tmp_path / "landing" / FIRST).mkdir(parents=True)
    (tmp_path / "landing" / FIRST / "delivery.yml").symlink_to(tmp_path / target)
    assert "delivery.yml: is no ordinary file" in only_reason(tmp_path / "landing")


def test_a_manifest_that_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / FIRST / "delivery.yml").mkdir(parents=True)
    assert "delivery.yml: is no ordinary file" in only_reason(tmp_path)


@pytest.mark.parametrize("name", ["export.csv", "delivery.yml", ".leraar.csv", "klaar.done"])
def test_a_file_that_is_named_must_be_there(tmp_path: Path, name: str) -> None:
    put(tmp_path, f"{FIRST}/delivery.yml", f"files: {{leraar: {{file: {name}}}}}")
    put(tmp_path, f"{FIRST}/ouder.csv")
    assert f"{name}: is named in delivery.yml for 'leraar' but is not there" in only_reason(
        tmp_path
    )
    assert [item.respondent_group for item in discover(tmp_path, codebook).deliveries] == ["ouder"]


def test_two_files_for_one_group(tmp_path: Path) -> None:
    for name in ("leraar.csv", "leraren.sav", "ouder.csv"):
        put(tmp_path, f"{FIRST}/{name}")
    found = discover(tmp_path, codebook)
    assert groups(found) == [(FIRST, "ouder", "ouder.csv")]
    assert reasons(found) == [
        f"{FIRST}/{name}: more than one file for 'leraar': leraar.csv, leraren.sav. Leave one."
        for name in ("leraar.csv", "leraren.sav")
    ]


def test_a_named_file_does_not_hide_another_one(tmp_path: Path) -> None:
    put(tmp_path, f"{FIRST}/delivery.yml", "files: {leraar: {file: export.csv}}")
    put(tmp_path, f"{FIRST}/export.csv")
    put(tmp_path, f"{FIRST}/leraar.csv")
    assert len(reasons(discover(tmp_path, codebook))) == 2


def test_did_you_mean() -> None:
    assert did_you_mean("lerar", ["ouder", "leraar"]) == " Did you mean 'leraar'?"
    assert did_you_mean("qqq", ["ouder", "leraar"]) == ""


def test_file_sha256(tmp_path: Path) -> None:
    assert file_sha256(put(tmp_path, "a", "abc")).startswith("ba7816bf8f01cfea414140de5dae2223")
