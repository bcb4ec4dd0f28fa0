"""What each endpoint does, on both databases."""

from __future__ import annotations

import uuid

import httpx
import pytest

API = "/api/v1"
LISTS = ("students", "courses", "enrollments", "grades", "attendance")


def some_student(**changes: object) -> dict:
    student = {
        "first_name": "Zoe",
        "last_name": "Zimmer",
        "email": f"{uuid.uuid4().hex}@school.example",
        "grade_level": 11,
        "date_of_birth": "2010-05-17",
    }
    return student | changes


def some_course(**changes: object) -> dict:
    return {"code": uuid.uuid4().hex[:16], "title": "Pottery", "subject": "art", "teacher_id": 3, "credits": 2} | changes


def test_the_school_is_seeded_to_size(http: httpx.Client) -> None:
    totals = {name: http.get(f"{API}/{name}").json()["total"] for name in LISTS}
    assert totals["students"] >= 1_000 and totals["courses"] >= 50
    assert totals["enrollments"] >= 5_000 and totals["grades"] >= 20_000 and totals["attendance"] >= 40_000


@pytest.mark.parametrize("name", LISTS)
def test_pages_are_disjoint_and_bounded(http: httpx.Client, name: str) -> None:
    first = http.get(f"{API}/{name}", params={"page": 1, "page_size": 7}).json()
    second = http.get(f"{API}/{name}", params={"page": 2, "page_size": 7}).json()
    ids = [item["id"] for item in first["items"] + second["items"]]
    assert len(ids) == len(set(ids)) == 14
    assert http.get(f"{API}/{name}", params={"page": 100_000}).json()["items"] == []
    for bad in ({"page": 0}, {"page_size": 101}, {"page": "x"}):
        assert http.get(f"{API}/{name}", params=bad).status_code == 422


def test_search_finds_parts_of_names_whatever_their_case(http: httpx.Client) -> None:
    found = http.get(f"{API}/students", params={"search": "GARC", "page_size": 100}).json()["items"]
    assert found and all("garc" in (item["first_name"] + item["last_name"] + item["email"]).lower() for item in found)
    assert http.get(f"{API}/students", params={"search": "100%_"}).json()["total"] == 0  # no wildcards


def test_filters_narrow_down(http: httpx.Client) -> None:
    for name, field in (("grades", "course_id"), ("attendance", "student_id"), ("enrollments", "course_id")):
        items = http.get(f"{API}/{name}", params={field: 5}).json()["items"]
        assert items and {item[field] for item in items} == {5}


def test_a_student_is_added_read_changed(http: httpx.Client) -> None:
    body = some_student()
    added = http.post(f"{API}/students", json=body)
    assert added.status_code == 201
    path = f"{API}/students/{added.json()['id']}"
    assert http.get(path).json() == body | {"id": added.json()["id"]}
    changed = body | {"last_name": "Zimmermann"}
    assert http.put(path, json=changed).status_code == 200
    assert http.get(path).json()["last_name"] == "Zimmermann"
    assert http.get(f"{path}/grades").json() == []


def test_a_course_is_added_changed_and_counts_its_students(http: httpx.Client) -> None:
    course = http.post(f"{API}/courses", json=some_course()).json()
    path = f"{API}/courses/{course['id']}"
    assert http.get(path).json()["enrolled"] == 0
    assert http.post(f"{API}/enrollments", json={"student_id": 1, "course_id": course["id"]}).status_code == 201
    detail = http.get(path).json()
    assert detail["enrolled"] == 1 and detail["teacher"]
    assert http.put(path, json=some_course(title="Glazing")).json()["title"] == "Glazing"


def test_grades_are_given_and_changed(http: httpx.Client) -> None:
    body = {"student_id": 1, "course_id": 2, "kind": "exam", "score": 81.5, "graded_on": "2026-10-01"}
    added = http.post(f"{API}/grades", json=body)
    assert added.status_code == 201 and added.json()["score"] == 81.5
    path = f"{API}/grades/{added.json()['id']}"
    assert http.put(path, json={"score": 90}).json()["score"] == 90
    assert http.put(path, json={"score": 101}).status_code == 422


def test_attendance_recorded_again_replaces_the_status(http: httpx.Client) -> None:
    student = http.post(f"{API}/students", json=some_student()).json()["id"]
    body = {"student_id": student, "course_id": 2, "day": "2026-11-02", "status": "present"}
    first = http.post(f"{API}/attendance", json=body)
    second = http.post(f"{API}/attendance", json=body | {"status": "late"})
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json() == first.json() | {"status": "late"}
    path = f"{API}/attendance/{first.json()['id']}"
    assert http.put(path, json={"status": "excused"}).json()["status"] == "excused"
    assert http.put(path, json={"status": "asleep"}).status_code == 422


def test_the_dashboard_follows_the_data(http: httpx.Client) -> None:
    before = http.get(f"{API}/analytics/dashboard").json()
    assert 0.9 < before["attendance_rate"] < 1 and 60 < before["average_score"] < 90
    assert sum(level["students"] for level in before["levels"]) == before["students"]
    averages = [course["average_score"] for course in before["best_courses"]]
    assert len(averages) == 5 and averages == sorted(averages, reverse=True)
    http.post(f"{API}/students", json=some_student())
    assert http.get(f"{API}/analytics/dashboard").json()["students"] == before["students"] + 1


def test_mistakes_are_answered_as_json_with_a_4xx(http: httpx.Client) -> None:
    taken = http.get(f"{API}/students/1").json()["email"]
    cases = [
        (http.get(f"{API}/students/999999"), 404),
        (http.put(f"{API}/courses/999999", json=some_course()), 404),
        (http.get(f"{API}/students/abc"), 422),
        (http.get(f"{API}/nothing"), 404),
        (http.delete(f"{API}/students/1"), 405),
        (http.post(f"{API}/students", json=some_student(email=taken)), 409),
        (http.post(f"{API}/students", json=some_student(email="nobody")), 422),
        (http.post(f"{API}/grades", json={"student_id": 999999}), 422),
        (http.post(f"{API}/enrollments", json={"student_id": 999999, "course_id": 1}), 409),
        (http.post(f"{API}/students", content=b"{"), 422),
    ]
    for answer, status in cases:
        assert answer.status_code == status, answer.text
        assert answer.json()["detail"]


def test_server_timing_tells_database_and_application(http: httpx.Client) -> None:
    answer = http.get(f"{API}/analytics/dashboard")
    parts = dict(part.strip().split(";dur=") for part in answer.headers["server-timing"].split(","))
    assert set(parts) == {"app", "db"}
    app_ms, db_ms = float(parts["app"]), float(parts["db"])
    assert db_ms > 0 and app_ms > 0
    assert app_ms + db_ms <= answer.elapsed.total_seconds() * 1000


def test_server_timing_is_there_on_errors_too(http: httpx.Client) -> None:
    for path in ("/nothing", f"{API}/students/999999"):
        assert "app;dur=" in http.get(path).headers["server-timing"]
