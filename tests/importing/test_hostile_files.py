"""Whatever stands in a file: it is read, or refused in one sentence that names the place, and nothing is kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loadtest.errors import ConfigurationError
from loadtest.importing.parsed import ParsedRun
from loadtest.importing.recognize import read_file

FILES = Path(__file__).parent / "files"
REAL = sorted(path for path in FILES.iterdir() if path.suffix != ".md")
HEAD = "timeStamp,elapsed,label,responseCode,success\n"
STATS = (FILES / "locust_stats.csv").read_text().splitlines()
BOMB = """<?xml version="1.0"?>
<!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>
<testResults version="1.2"><httpSample t="1" ts="1795789343205" s="true" lb="&c;"/></testResults>"""
OUTSIDE = """<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]>
<FinalStatus><Group label="&a;"><succ value="1"/></Group></FinalStatus>"""


def one_sentence(path: Path) -> str:
    with pytest.raises(ConfigurationError) as caught:
        read_file(path)
    text = str(caught.value)
    assert "\n" not in text and len(text) < 700
    return text


def summary_with(**values: object) -> str:
    data = json.loads((FILES / "k6_summary.json").read_text())
    data["metrics"]["http_req_duration"]["values"] |= values
    return json.dumps(data)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.csv", "", "is empty"),
        ("a.csv", "   \n \n", "is empty"),
        ("a.csv", "name,value\nx,1\n", "is of no kind that can be imported"),
        ("a.jtl", HEAD + "1795789343205,NaN,GET /,200,true\n", "line 2: elapsed cannot be NaN"),
        ("a.jtl", HEAD + "1795789343205,inf,GET /,200,true\n", "elapsed cannot be inf"),
        ("a.jtl", HEAD + "1795789343205,-5,GET /,200,true\n", "elapsed cannot be -5"),
        ("a.jtl", HEAD + "1795789343205,1e300,GET /,200,true\n", "elapsed cannot be 1e300"),
        ("a.jtl", HEAD + "99999999999999999999,5,GET /,200,true\n", "timeStamp cannot be"),
        ("a.jtl", HEAD + "yesterday,5,GET /,200,true\n", "timeStamp is no time"),
        ("a.jtl", HEAD + "1795789343205,5,GET /\n", "3 of 5 columns, so the file may be cut"),
        ("a.jtl", HEAD, "has no requests"),
        ("a.jtl", HEAD.replace("success", "label"), "names a column twice"),
        ("a.csv", "\n".join([*STATS, STATS[1]]), "'GET /fail' stands there twice"),
        ("a.csv", "\n".join([STATS[0], STATS[1].replace("GET,/fail,27,27", "GET,/fail,27,28")]), "28 failures of 27 requests"),
        ("a.csv", "\n".join([STATS[0], STATS[1].replace("GET,/fail,27", "GET,/fail,many")]), "is not a number: 'many'"),
        ("a.xml", BOMB, "declares a document type or entities"),
        ("a.xml", OUTSIDE, "declares a document type or entities"),
        ("a.xml", "<testResults><httpSample t='1'", "is no XML that can be read"),
        ("a.xml", "<x><testResults/></x>", "begins with <x>"),
        ("a.xml", "<html></html>", "is of no kind"),
        ("a.json", '{"metrics": {', "ends too early"),
        ("a.json", "[" * 100_000, "imported"),
        ("a.json", "{}", "is of no kind"),
        ("a.json", summary_with(**{"p(95)": "fast"}), "is not a number"),
        ("a.json", summary_with(med=-1), "cannot be -1"),
        ("a.json", summary_with(max=1e99), "cannot be 1e+99"),
        ("a.json", '{"GET /orders": -3}', "cannot be -3"),
        ("a.json", '{"GET /orders": NaN}', "cannot be nan"),
        ("a.json", '{"GET /a": 3, "GET /a": 4}', "stands there twice"),
        ("a.json", '{"n": ' + "9" * 5000 + "}", "imported"),
        ("a.json", '{"type":"Point","data":{"time":"x","value":1},"metric":"http_req_duration"}\n', "is no time"),
        ("a.json", '{"type":"Metric","data":{},"metric":"x"}\n{"type":"Po', "may be cut"),
    ],
)
def test_a_damaged_or_hostile_file_is_refused_in_one_sentence(tmp_path: Path, name: str, text: str, words: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    assert words in one_sentence(path)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xff\xd8\xff\xe0" * 100)
    assert "imported" in one_sentence(path)


def test_a_folder_and_a_missing_file(tmp_path: Path) -> None:
    assert "is a folder" in one_sentence(tmp_path)
    assert "does not exist" in one_sentence(tmp_path / "nothing.csv")


def test_a_line_without_an_end_is_not_read_into_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.jtl"
    path.write_text(HEAD + "1795789343205,5," + "x" * (2**20 + 10))
    assert "more than 1,048,576 characters" in one_sentence(path)


def test_a_name_for_each_request_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jtl"
    path.write_text(HEAD + "".join(f"1795789343205,5,step{'x' * (number % 50)}-{chr(97 + number % 26)}{number}q,200,true\n"
                                   for number in range(2_100)))  # fmt: skip
    assert "more than 2,000 endpoint names" in one_sentence(path)


def test_transactions_do_not_count_twice(tmp_path: Path) -> None:
    path = tmp_path / "a.jtl"
    row = '1795789343205,9,checkout,200,"Number of samples in transaction : 2, number of failing samples : 0",true\n'
    path.write_text(
        "timeStamp,elapsed,label,responseCode,responseMessage,success\n" + row + "1795789343205,5,GET /,200,OK,true\n"
    )
    found = read_file(path)
    assert isinstance(found, ParsedRun) and found.requests is not None and len(found.requests) == 1


@pytest.mark.parametrize("real", REAL, ids=lambda path: path.name)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 1))
def test_a_file_that_is_cut_is_read_or_refused(tmp_path: Path, real: Path, share: float) -> None:
    path = tmp_path / real.name
    data = real.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    _read_or_refuse(path)


@pytest.mark.parametrize("real", REAL, ids=lambda path: path.name)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    place=st.floats(0, 1),
    inserted=st.one_of(
        st.binary(max_size=8),
        st.sampled_from([b"NaN", b"1e999", b"-1", b'"', b",", b"\x00", b"<", b"{", b"null", b"\n", "\u202e".encode()]),
    ),
)
def test_a_damaged_place_is_read_or_refused(tmp_path: Path, real: Path, place: float, inserted: bytes) -> None:
    path = tmp_path / real.name
    data = real.read_bytes()
    at = int(len(data) * place)
    path.write_bytes(data[:at] + inserted + data[at + len(inserted) :])
    _read_or_refuse(path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.fixed_dictionaries(
        {},
        optional={
            "metrics": st.fixed_dictionaries({"http_req_duration": JSON}, optional={"http_reqs": JSON, "http_req_failed": JSON}),
            "aggregate": st.fixed_dictionaries({"counters": st.dictionaries(st.text(), JSON, max_size=2), "summaries": JSON}),
            "stats": st.fixed_dictionaries({"numberOfRequests": JSON, "meanResponseTime": JSON, "percentiles1": JSON}),
            "contents": JSON,
            "endpoints": JSON,
            "state": JSON,
        },
    )
)
def test_json_of_the_right_names_and_any_values_is_read_or_refused(tmp_path: Path, data: dict) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(data))
    _read_or_refuse(path)


def _read_or_refuse(path: Path) -> None:
    try:
        found = read_file(path)
    except ConfigurationError as error:
        assert "\n" not in str(error).replace(str(path), "")
        return
    if isinstance(found, dict):
        assert all(0 < value < 1e9 for value in found.values())
        return
    for row in found.totals:
        assert 0 <= row.errors <= row.n
        assert all(0 <= value < 1e16 for value in row.values.values())
    if found.requests is not None:
        assert len(found.requests) == len(found.requests.latency_us) > 0
