from __future__ import annotations

import base64
import re
import string
from datetime import date, datetime
from hashlib import sha256
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.load.grouping import DATES, IDS, MAX_NAME_LENGTH, SHAPES, EndpointNames, Form, Shape, fold_path

PLAIN = EndpointNames()
JWT = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
A_UUID = "3f2504e0-4f89-11d3-9a0c-0305e82c3301"


@pytest.mark.parametrize(
    ("path", "folded"),
    [
        ("/", "/"),
        ("/api/v1/students/17", "/api/v1/students/{id}"),
        ("/api/v1/students/17/", "/api/v1/students/{id}/"),
        ("/api/17", "/api/{id}"),
        ("/price/12.50", "/price/{id}"),
        ("/balance/-17", "/balance/{id}"),
        ("/batch/1,2,3", "/batch/{id}"),
        ("/rows/1-10", "/rows/{id}"),
        ("/near/48.85,-2.35", "/near/{id}"),
        ("/books/978-3-16-148410-0", "/books/{id}"),
        ("/books/0-306-40615-X", "/books/{id}"),
        ("/hosts/10.0.0.1", "/hosts/{id}"),
        ("/hosts/2001:db8::1", "/hosts/{id}"),
        ("/devices/00:1A:2B:3C:4D:5E", "/devices/{id}"),
        (f"/students/{A_UUID}", "/students/{id}"),
        (f"/students/{A_UUID.upper()}", "/students/{id}"),
        (f"/students/{A_UUID.replace('-', '')}", "/students/{id}"),
        (f"/students/{{{A_UUID}}}", "/students/{id}"),
        (f"/students/%7B{A_UUID}%7D", "/students/{id}"),
        (f"/students/urn:uuid:{A_UUID}", "/students/urn:uuid:{id}"),
        ("/commits/9f86d081884c7d659a2feaa0c55ad015", "/commits/{id}"),
        ("/commits/3f2504e", "/commits/{id}"),
        ("/blobs/sha256:9f86d081884c7d659a2feaa0c55ad015", "/blobs/sha256:{id}"),
        ("/memory/0x7f", "/memory/{id}"),
        ("/events/01ARZ3NDEKTSV4RRFFQ69G5FAV", "/events/{id}"),
        ("/events/01arz3ndektsv4rrffq69g5fav", "/events/{id}"),
        ("/events/cjld2cjxh0000qzrmn831i7rn", "/events/{id}"),
        ("/events/tz4a98xxat96iws9zmbrgj3a", "/events/{id}"),
        ("/s/dQw4w9WgXcQabcDEF12345", "/s/{id}"),
        ("/s/dQw4w9WgXcQ", "/s/{id}"),
        ("/s/V1StGXR8_Z5jdHi6B-myT", "/s/{id}"),
        ("/node/VXNlcjoxMjM0NQ==", "/node/{id}"),
        ("/node/VXNlcjoxMjM0NQ%3D%3D", "/node/{id}"),
        (f"/verify/{JWT}", "/verify/{id}"),
        (f"/verify/bearer:{JWT}", "/verify/bearer:{id}"),
        ("/users/ada@example.com", "/users/{id}"),
        ("/users/ada%2Btest%40example.com", "/users/{id}"),
        ("/orders/ORD-20391", "/orders/ORD-{id}"),
        ("/orders/ORD-2024-0001", "/orders/ORD-{id}"),
        ("/users/user_17", "/users/user_{id}"),
        ("/users/user1000", "/users/user{id}"),
        ("/products/SKU12345", "/products/SKU{id}"),
        ("/customers/cus_NffrFeUfNV2Hib", "/customers/cus_{id}"),
        ("/posts/my-post-123", "/posts/my-post-{id}"),
        ("/products/17-blue-shirt", "/products/{id}-{slug}"),
        (f"/products/{A_UUID}-blue-shirt", "/products/{id}-{slug}"),
        ("/posts/2024-05-01-first-day.html", "/posts/{date}-{slug}.html"),
        ("/odata/Students(17)", "/odata/Students({id})"),
        ("/odata/Students(%27ada%27)", "/odata/Students({id})"),
        ("/odata/Grades(student=1,course='a')", "/odata/Grades({id})"),
        ("/messages/17:archive", "/messages/{id}:archive"),
        ("/files/17.pdf", "/files/{id}.pdf"),
        ("/files/report_2024-05-01.pdf", "/files/report_{date}.pdf"),
        ("/static/app.3f2504e0.js", "/static/app.{id}.js"),
        ("/static/main-af2504e0.min.js", "/static/main-{id}.min.js"),
        ("/static/17.3f2504e0.chunk.js", "/static/17.{id}.chunk.js"),
        ("/attendance/2024-05-17", "/attendance/{date}"),
        ("/attendance/2024-05", "/attendance/{date}"),
        ("/attendance/17-05-2024", "/attendance/{date}"),
        ("/attendance/2024-W20", "/attendance/{date}"),
        ("/attendance/2024-05-17T08:00:00Z", "/attendance/{date}"),
        ("/attendance/2024-05-17T08%3A00", "/attendance/{date}"),
        ("/attendance/2024-05-17T08:00:00.123+02:00", "/attendance/{date}"),
        ("/attendance/20240517T080000Z", "/attendance/{date}"),
        ("/attendance/T08%3A00", "/attendance/{date}"),
    ],
)
def test_ids_dates_and_hashes_are_folded(path: str, folded: str) -> None:
    assert fold_path(path) == folded


@pytest.mark.parametrize(
    "path",
    [
        "/api/ExportToS3BucketAsync",
        "/api/GetOAuth2TokenForClient",
        "/api/ListTop10StudentsByGrade",
        "/api/GetXYZToABCByIdV2",
        "/api/S3ToEC2Copy",
        "/api/ListTop100",
        "/api/skipIfNoIPv6",
        "/docs/Annual-Report-2024-Final",
        "/a-very-long-and-ordinary-resource-name",
        "/api/1.1/students",
        "/rest/3/issue",
        "/2/tweets",
        "/1.1/statuses",
        "/api/v2/oauth2/s3",
        "/services/data/v59.0/sobjects",
        "/wizard/step-1",
        "/charset/utf-8",
        "/charset/utf-16",
        "/charset/iso-8859-1",
        "/digest/sha256",
        "/digest/aes-256",
        "/charts/top-10",
        "/commits/deadbeef",  # words that happen to be hexadecimal
        "/play/face2face",
        "/music/decade80",
        "/x/k8s",
        "/x/i18n",
        "/x/mp3",
        "/x/h264",
        "/x/x86_64",
        "/x/100%25",
        "/files/style.css",
        "/static/jquery-3.6.0.min.js",
        "/npm/lodash@4.17.21",
        "/images/ubuntu-22.04",
        "/odata/Students(all)",
        "/odata/getByIds()",
        "/messages:batchGet",
        "/caf%C3%A9/menu",
        "/en-US/courses",
    ],
)
def test_words_and_versions_are_not(path: str) -> None:
    assert fold_path(path) == path


@pytest.mark.parametrize("form", (*DATES, *IDS), ids=lambda form: form.name)
def test_each_form_stands_by_its_example(form: Form) -> None:
    assert re.fullmatch(form.expression, form.example, re.ASCII | re.IGNORECASE)
    assert fold_path(f"/x/{form.example}") == ("/x/{date}" if form in DATES else "/x/{id}")


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_each_shape_stands_by_its_example(shape: Shape) -> None:
    found = re.fullmatch(shape.expression, shape.example, re.ASCII | re.IGNORECASE)
    assert found and fold_path(f"/x/{shape.example}") == "/x/" + shape.folded.replace("*", found[found.lastindex or 0])


@pytest.mark.parametrize("piece", [".a", "a-", "a.b1.", "1,", "ab1=", "é"])
def test_a_segment_that_is_too_long_for_a_word_is_data(piece: str) -> None:
    assert fold_path(f"/x/{piece * 5_000}!/y") == "/x/{id}/y"


def test_the_query_and_the_origin_are_dropped() -> None:
    assert PLAIN.name_of("GET", "/students/17?skip=3#top", "http://h:80/students/17?skip=3") == "GET /students/{id}"
    assert PLAIN.name_of("GET", "http://other:81/students/17?x", None) == "GET /students/{id}"


def test_matrix_parameters_end_with_their_segment() -> None:
    names = {PLAIN.name_of("GET", path, f"http://h{path}") for path in ("/map;x=1/tiles", "/map;x=2;y=3/tiles", "/map;x=1/other")}
    assert names == {"GET /map/tiles", "GET /map/other"}
    assert PLAIN.name_of("GET", "/login;jsessionid=17", "http://h/login;jsessionid=17") == "GET /login"


def test_a_base_url_with_a_path_does_not_hide_that_the_name_is_the_path() -> None:
    assert PLAIN.name_of("GET", "/students/17", "http://h/api/v1/students/17") == "GET /students/{id}"


@pytest.mark.parametrize(
    ("base", "name", "expected"),
    [
        ("http://h:80", "", "GET /"),
        ("http://h:80", "?page=17", "GET /"),
        ("http://h:80", "#top", "GET /"),
        ("http://h:80/", "users/5", "GET users/{id}"),
        ("http://h:80/", "users/5?page=17", "GET users/{id}"),
    ],
)
def test_what_the_fast_client_calls_a_request_without_name(base: str, name: str, expected: str) -> None:
    assert PLAIN.name_of("GET", name, base + name) == expected


@pytest.mark.parametrize("name", ["/api/orders [checkout]", "open student 17", "/items/2024", "users/5", "?", "students #17"])
def test_an_explicit_name_wins(name: str) -> None:
    assert PLAIN.name_of("POST", name, "http://h/something/else") == f"POST {name}"
    assert PLAIN.name_of("POST", "students", "http://h/api/students") == "POST students"


def test_a_request_without_name_or_url_is_unnamed() -> None:
    assert PLAIN.name_of("GET", "") == "GET (unnamed)"


def test_the_method_stands_once() -> None:
    assert PLAIN.name_of("GET", "GET students", "http://h/students") == "GET students"
    assert PLAIN.name_of("", "job", None) == "job"


def test_methods_of_http_are_upper_case_and_others_as_they_were() -> None:
    assert PLAIN.name_of("get", "/x", "http://h/x") == PLAIN.name_of("GET", "/x", "http://h/x") == "GET /x"
    assert PLAIN.name_of("queue", "publish grades") == "queue publish grades"


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


ids = st.sampled_from([form.example for form in (*DATES, *IDS)] + [shape.example for shape in SHAPES])
pieces = st.text(alphabet="abzXZ019-_.,:;=@%'(){}/é \x00", max_size=8)


@given(st.lists(ids | pieces | st.text(max_size=5), max_size=8).map("".join))
def test_folding_twice_changes_nothing_more(path: str) -> None:
    once = fold_path("/" + path)
    assert fold_path(once) == once


def _unpadded(number: int) -> str:
    return base64.urlsafe_b64encode(b'{"sub":%d}' % number).decode().rstrip("=")


days = st.dates(date(1900, 1, 1), date(2999, 12, 31))

SAME_FORM = {
    "number": (st.integers(), str, "{id}"),
    "UUID": (st.uuids(), str, "{id}"),
    "UUID in braces": (st.uuids(), "{{{}}}".format, "{id}"),
    "UUID as URN": (st.uuids(), UUID.urn.fget, "urn:uuid:{id}"),
    "hash": (st.integers(0), lambda number: sha256(b"%d" % number).hexdigest(), "{id}"),
    "digest": (st.integers(0), lambda number: "sha256:" + sha256(b"%d" % number).hexdigest(), "sha256:{id}"),
    "ULID": (st.text("0123456789abcdefghjkmnpqrstvwxyz", min_size=25, max_size=25), "0{}".format, "{id}"),
    "JWT": (st.integers(0), lambda number: f"eyJhbGciOiJIUzI1NiJ9.{_unpadded(number)}.c2ln", "{id}"),
    "e-mail": (st.text(string.ascii_letters + string.digits + "._-", min_size=1), "{}@example.com".format, "{id}"),
    "encoded e-mail": (st.text(string.ascii_letters, min_size=1), "{}%40example.com".format, "{id}"),
    "date": (days, lambda day: day.isoformat(), "{date}"),
    "month": (days, lambda day: day.isoformat()[:7], "{date}"),
    "time": (st.datetimes(datetime(1900, 1, 1), datetime(2999, 1, 1)), lambda time: time.isoformat(), "{date}"),
    "file of a day": (days, "report_{}.pdf".format, "report_{date}.pdf"),
    "key of OData": (st.integers(), "Students({})".format, "Students({id})"),
    "verb": (st.integers(), "{}:archive".format, "{id}:archive"),
    "user": (st.integers(100), "user{}".format, "user{id}"),
    "post": (st.integers(10), "my-post-{}".format, "my-post-{id}"),
    "slug": (st.text(string.ascii_lowercase, min_size=1), "17-{}".format, "{id}-{slug}"),
}


@pytest.mark.parametrize("form", SAME_FORM)
@given(data=st.data())
def test_ids_of_one_form_are_one_endpoint(form: str, data: st.DataObject) -> None:
    values, written, folded = SAME_FORM[form]
    assert fold_path(f"/x/{written(data.draw(values))}/y") == f"/x/{folded}/y"
