from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.load.grouping import MAX_NAME_LENGTH, EndpointNames, fold_path

PLAIN = EndpointNames()


@pytest.mark.parametrize(
    ("path", "folded"),
    [
        ("/", "/"),
        ("/api/v1/students/17", "/api/v1/students/{id}"),
        ("/api/v1/students/17/", "/api/v1/students/{id}/"),
        ("/students/3f2504e0-4f89-11d3-9a0c-0305e82c3301", "/students/{id}"),
        ("/commits/9f86d081884c7d659a2feaa0c55ad015", "/commits/{id}"),
        ("/commits/deadbeef", "/commits/deadbeef"),  # a word that happens to be hexadecimal
        ("/attendance/2024-05-17", "/attendance/{date}"),
        ("/attendance/2024-05-17T08:00:00Z", "/attendance/{date}"),
        ("/files/17.pdf", "/files/{id}.pdf"),
        ("/files/style.css", "/files/style.css"),
        ("/orders/ORD-20391", "/orders/ORD-{id}"),
        ("/users/user_17", "/users/user_{id}"),
        ("/price/12.50", "/price/{id}"),
        ("/batch/1,2,3", "/batch/{id}"),
        ("/events/01ARZ3NDEKTSV4RRFFQ69G5FAV", "/events/{id}"),
        ("/s/dQw4w9WgXcQabcDEF12345", "/s/{id}"),
        ("/api/v2/oauth2/s3", "/api/v2/oauth2/s3"),
        ("/a-very-long-and-ordinary-resource-name", "/a-very-long-and-ordinary-resource-name"),
    ],
)
def test_ids_dates_and_hashes_are_folded_and_words_are_not(path: str, folded: str) -> None:
    assert fold_path(path) == folded


def test_the_query_and_the_origin_are_dropped() -> None:
    assert PLAIN.name_of("GET", "/students/17?skip=3#top", "http://h:80/students/17?skip=3") == "GET /students/{id}"
    assert PLAIN.name_of("GET", "http://other:81/students/17?x", None) == "GET /students/{id}"


def test_a_base_url_with_a_path_does_not_hide_that_the_name_is_the_path() -> None:
    assert PLAIN.name_of("GET", "/students/17", "http://h/api/v1/students/17") == "GET /students/{id}"


@pytest.mark.parametrize("name", ["/api/orders [checkout]", "open student 17", "/items/2024"])
def test_an_explicit_name_wins(name: str) -> None:
    assert PLAIN.name_of("POST", name, "http://h/something/else") == f"POST {name}"


def test_the_method_stands_once() -> None:
    assert PLAIN.name_of("GET", "GET students", "http://h/students") == "GET students"
    assert PLAIN.name_of("", "job", None) == "job"


def test_a_scenario_pattern_comes_first_and_sees_the_path() -> None:
    names = EndpointNames([(r"^/static/", "/static/*"), (r"^/(de|en)/", "/{language}/…")])
    assert names.name_of("GET", "/static/a/b.css?v=1", "http://h/static/a/b.css?v=1") == "GET /static/*"
    assert names.name_of("GET", "/en/17", "http://h/en/17") == "GET /{language}/…"
    assert names.name_of("GET", "/fr/17", "http://h/fr/17") == "GET /fr/{id}"


@given(st.text(max_size=400), st.text(max_size=400), st.none() | st.text(max_size=400))
def test_any_name_ends_in_a_short_printable_one(method: str, name: str, url: str | None) -> None:
    found = PLAIN.name_of(method, name, url)
    assert found and len(found) <= MAX_NAME_LENGTH
    assert found.isprintable() or all(character >= " " for character in found)
    found.encode("utf-8")


@given(st.lists(st.text(alphabet="abz019-_.,:/é", max_size=12), max_size=6).map("/".join))
def test_folding_twice_changes_nothing_more(path: str) -> None:
    once = fold_path("/" + path)
    assert fold_path(once) == once


@given(st.integers(min_value=0), st.integers(min_value=0))
def test_two_numbers_are_one_endpoint(one: int, other: int) -> None:
    assert fold_path(f"/students/{one}/grades") == fold_path(f"/students/{other}/grades") == "/students/{id}/grades"


@given(st.uuids(), st.uuids())
def test_two_uuids_are_one_endpoint(one: object, other: object) -> None:
    assert fold_path(f"/x/{one}") == fold_path(f"/x/{other}") == "/x/{id}"
