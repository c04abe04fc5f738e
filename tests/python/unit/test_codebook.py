"""The codebook as Python reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestration.lib.codebook import Codebook, Variable, normalise_name, read_seed


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Vraag 1", "vraag_1"),
        ("BRIN en vestiging", "brin_en_vestiging"),
        ("  E-mailadres ", "e_mailadres"),
        ("Duur (sec)", "duur_sec"),
        ("\ufeffCoördinator", "coordinator"),
        ("sys_DataSource", "sys_datasource"),
        ("één—twee", "eentwee"),
        ("???", ""),
        ("", ""),
    ],
)
def test_normalise_name(text: str, name: str) -> None:
    assert normalise_name(text) == name
    assert normalise_name(name) == name


def seeds(root: Path, **contents: str) -> Codebook:
    (root / "seeds" / "codebook").mkdir(parents=True)
    for name, content in contents.items():
        (root / "seeds" / "codebook" / f"{name}.csv").write_text(content, encoding="utf-8")
    return Codebook(root)


def test_waves_are_in_order_of_measurement(tmp_path: Path) -> None:
    codebook = seeds(tmp_path, waves="wave_id,measurement_number\nz,2\nb,10\na,1\n")
    assert codebook.waves == ["a", "z", "b"]


def test_groups_and_their_names(tmp_path: Path) -> None:
    codebook = seeds(
        tmp_path,
        respondent_groups="respondent_group\nouder\nleraar\n",
        group_synonyms="synonym,respondent_group\nLeraren & mentoren,leraar\nouder,leraar\n",
    )
    assert codebook.groups == ["ouder", "leraar"]
    # a group's own name is never another group's synonym
    assert codebook.group_names == {
        "leraren_mentoren": "leraar",
        "ouder": "ouder",
        "leraar": "leraar",
    }


def test_variables_of_waves_and_columns_of_the_raw_table(tmp_path: Path) -> None:
    codebook = seeds(
        tmp_path,
        variables="wave_id,respondent_group,variable,column_name,role,attribute\n"
        "a,leraar,login,Login,identifier,login\na,leraar,v1,V 1,item,\n"
        "a,leraar,slot,Slot,open_text,\nb,leraar,v2,V 2,item,\nb,leraar,v1,V1,item,\n"
        "b,leraar,oud,Oud,ignore,\na,ouder,v9,V 9,item,\n",
    )
    assert codebook.variables("a", "leraar")[0] == Variable("login", "Login", "identifier", "login")
    assert [v.variable for v in codebook.variables("b", "leraar")] == ["v2", "v1", "oud"]
    assert codebook.variables("b", "ouder") == []
    assert codebook.raw_columns("leraar") == ["login", "v1", "v2"]
    assert codebook.raw_columns("swv") == []


def test_a_seed_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nothing"):
        read_seed("codebook/nothing", tmp_path)


def test_the_real_codebook_can_be_landed() -> None:
    """What landing relies on: names that match headers, and columns that DuckDB tells apart."""
    codebook = Codebook()
    reserved = {"delivery_id", "row_number", "wave_id"}
    for group in codebook.groups:
        columns = codebook.raw_columns(group)
        assert columns == [normalise_name(column) for column in columns]
        assert not reserved & set(columns)
        for wave in codebook.waves:
            headers = [normalise_name(v.column_name) for v in codebook.variables(wave, group)]
            assert len(headers) == len(set(headers)) and "" not in headers
    assert not [wave for wave in codebook.waves if "|" in wave]  # pseudonyms join with it
    assert all(name == normalise_name(name) for name in codebook.group_names)


VARIABLES = "wave_id,respondent_group,variable,column_name,role,attribute,scale,answers_as"
OPTIONS = """scale,value,label_nl,label_en,score,missing_reason
AGREE,1,Oneens,Disagree,1,
AGREE,2,"Noch eens, noch oneens",Neither,2,
AGREE,3,Eens,Agree,3,
AGREE,98,Weet ik niet,Don't know,,dont_know
"""


def test_headers_have_synonyms_of_their_attribute_or_variable(tmp_path: Path) -> None:
    codebook = seeds(
        tmp_path,
        variables=f"{VARIABLES}\n"
        "w1,leraar,v1,Vraag 1,item,,,\nw1,leraar,brin,BRIN,paradata,school_code,,\n"
        "w1,leraar,swv_a,SWV a,breakdown,swv,,\nw1,leraar,swv_b,SWV b,breakdown,swv,,\n"
        "w2,leraar,v1,Vraag 2,item,,,\n",
        column_synonyms="wave_id,respondent_group,variable,attribute,synonym\n"
        ",,,school_code,Vestigingsnummer\n,,,school_code,Vraag 1\n,,,swv,Verband\n"
        "w1,leraar,v1,,Q-1\n",
    )
    names = {name: v.variable for name, v in codebook.headers("w1", "leraar").items()}
    # one's own name is nobody's synonym, and a synonym of two columns is none
    assert names == {
        "vraag_1": "v1", "q_1": "v1", "brin": "brin", "vestigingsnummer": "brin",
        "swv_a": "swv_a", "swv_b": "swv_b",
    }  # fmt: skip
    assert set(codebook.headers("w2", "leraar")) == {"vraag_2"}


@pytest.mark.parametrize(
    ("is_reversed", "turned", "first"),
    [
        (False, False, "oneens"),
        (True, False, "eens"),
        (False, True, "eens"),
        (True, True, "oneens"),
    ],
)
def test_labels_of_codes_as_delivered(
    tmp_path: Path, is_reversed: bool, turned: bool, first: str
) -> None:
    codebook = seeds(tmp_path, scale_options=OPTIONS)
    labels = codebook.delivered_labels(
        Variable("v", "V", "item", "", "AGREE", "code", is_reversed), turned=turned
    )
    assert labels["1"][0] == first
    assert labels["2"] == ("noch_eens_noch_oneens", "neither")
    assert labels["98"] == ("weet_ik_niet", "don_t_know")
    assert codebook.delivered_labels(Variable("v", "V", "item", "", "AGREE", "label")) == {}


def test_the_synonyms_of_this_codebook_lead_to_columns() -> None:
    codebook = Codebook()
    for wave, group in ((w, g) for w in codebook.waves for g in codebook.groups):
        headers = codebook.headers(wave, group)
        assert {v.variable for v in headers.values()} == {
            v.variable for v in codebook.variables(wave, group)
        }
    assert codebook.headers("2026-najaar", "leraar")["vestigingsnummer"].attribute == "school_code"
