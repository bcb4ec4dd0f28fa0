"""Three kinds of people use a school's records: readers look things up, teachers write, office staff sign in and out.

Plain Locust: `locust -f locustfile.py --host http://127.0.0.1:8000` runs it alone.
"""

from __future__ import annotations

import os
import random
import time
import uuid
from datetime import date, timedelta

import gevent
from locust import FastHttpUser, between, task

API = "/api/v1"
PASSWORD = os.environ.get("STUDENT_API_PASSWORD", "correct-horse-battery-staple")
ACCOUNTS = 25
PAGE_SIZE = 20
SEARCHES = ("an", "ber", "gar", "jo", "li", "mar", "sch", "so", "to")


class SchoolUser(FastHttpUser):
    """Signs in, then looks up which students, courses and records exist."""

    abstract = True
    wait_time = between(0.1, 0.5)

    def on_start(self) -> None:
        # Users that start in step stay in step and arrive in bursts.
        gevent.sleep(random.uniform(0, 1))
        self.headers: dict[str, str] = {}
        self.refresh_token = ""
        self.renew_at = 0.0
        self.sign_in()
        self.students = [student["id"] for student in self.some_items("students")]
        self.courses = [course["id"] for course in self.some_items("courses")]

    def sign_in(self) -> None:
        account = {"email": f"teacher{random.randint(1, ACCOUNTS)}@school.example", "password": PASSWORD}
        self.keep_tokens(self.client.post(f"{API}/auth/login", json=account))

    def refresh(self) -> None:
        self.keep_tokens(self.client.post(f"{API}/auth/refresh", json={"refresh_token": self.refresh_token}))

    def keep_tokens(self, response) -> None:
        if response.status_code == 200:
            tokens = response.json()
            self.headers = {"Authorization": f"Bearer {tokens['access_token']}"}
            self.refresh_token = tokens["refresh_token"]
            self.renew_at = time.monotonic() + tokens["expires_in_s"] * 2 / 3

    def request(self, method: str, path: str, **arguments):
        """A request of somebody who is signed in, also in a run that is longer than a token lives."""
        if self.refresh_token and time.monotonic() > self.renew_at:
            self.refresh()
        return self.client.request(method, f"{API}/{path}", headers=self.headers, **arguments)

    def get(self, path: str, **query: object):
        return self.request("GET", path, params=query)

    def write(self, method: str, path: str, body: dict):
        return self.request(method, path, json=body)

    def some_items(self, collection: str) -> list[dict]:
        """Items of a random page of a list. Asks again as long as there are none: without them a user has nothing to do, and
        one that gave up would hide the failures."""
        while not (items := self.items_on_some_page(collection)):
            gevent.sleep(1)
            if not self.refresh_token:
                self.sign_in()
        return items

    def items_on_some_page(self, collection: str) -> list[dict]:
        first = self.get(collection, page_size=PAGE_SIZE)
        if first.status_code != 200:
            return []
        pages = -(-first.json()["total"] // PAGE_SIZE)
        if pages <= 1:
            return first.json()["items"]
        some = self.get(collection, page=random.randint(1, pages), page_size=PAGE_SIZE)
        return some.json()["items"] if some.status_code == 200 else []


class Reader(SchoolUser):
    """A student, parent or teacher who looks things up."""

    weight = 2

    @task(3)
    def list_students(self) -> None:
        self.get("students", page=random.randint(1, 20))

    @task(2)
    def search_students(self) -> None:
        self.get("students", search=random.choice(SEARCHES))

    @task(4)
    def read_student(self) -> None:
        self.get(f"students/{random.choice(self.students)}")

    @task(3)
    def read_grades_of_student(self) -> None:
        self.get(f"students/{random.choice(self.students)}/grades")

    @task(4)
    def list_courses(self) -> None:
        self.get("courses", page=random.randint(1, 3))

    @task(4)
    def read_course(self) -> None:
        self.get(f"courses/{random.choice(self.courses)}")

    @task(3)
    def list_enrollments(self) -> None:
        self.get("enrollments", course_id=random.choice(self.courses))

    @task(3)
    def list_grades(self) -> None:
        self.get("grades", course_id=random.choice(self.courses))

    @task(3)
    def list_attendance(self) -> None:
        self.get("attendance", course_id=random.choice(self.courses))


class Teacher(SchoolUser):
    """Records what happens in class, and now and then a new student or course."""

    weight = 2

    def on_start(self) -> None:
        super().on_start()
        self.enrollments = self.some_items("enrollments")
        self.grades = [grade["id"] for grade in self.some_items("grades")]
        self.attendance = [record["id"] for record in self.some_items("attendance")]
        self.not_enrolled: list[int] = []

    @task
    def add_grade(self) -> None:
        grade = self.of_some_enrollment() | {"kind": "quiz", "score": random.randint(0, 100), "graded_on": some_day()}
        self.write("POST", "grades", grade)

    @task
    def change_grade(self) -> None:
        self.write("PUT", f"grades/{random.choice(self.grades)}", {"score": random.randint(0, 100)})

    @task
    def record_attendance(self) -> None:
        self.write("POST", "attendance", self.of_some_enrollment() | {"day": some_day(), "status": "present"})

    @task
    def change_attendance(self) -> None:
        status = random.choice(("present", "absent", "late", "excused"))
        self.write("PUT", f"attendance/{random.choice(self.attendance)}", {"status": status})

    @task
    def add_student(self) -> None:
        response = self.write("POST", "students", some_student())
        if response.status_code == 201:
            self.not_enrolled.append(response.json()["id"])

    @task
    def change_student(self) -> None:
        self.write("PUT", f"students/{random.choice(self.students)}", some_student())

    @task
    def enroll_student(self) -> None:
        if not self.not_enrolled:
            self.add_student()
        if self.not_enrolled:
            enrollment = {"student_id": self.not_enrolled.pop(), "course_id": random.choice(self.courses)}
            self.write("POST", "enrollments", enrollment)

    @task
    def add_course(self) -> None:
        self.write("POST", "courses", some_course())

    @task
    def change_course(self) -> None:
        self.write("PUT", f"courses/{random.choice(self.courses)}", some_course())

    def of_some_enrollment(self) -> dict:
        enrollment = random.choice(self.enrollments)
        return {"student_id": enrollment["student_id"], "course_id": enrollment["course_id"]}


class OfficeStaff(SchoolUser):
    """Signs in, looks at the dashboard, signs out, again and again."""

    weight = 1

    @task
    def short_visit(self) -> None:
        self.sign_in()
        self.pause()
        self.get("analytics/dashboard")
        self.pause()
        self.refresh()
        self.pause()
        self.request("POST", "auth/logout")

    def pause(self) -> None:
        gevent.sleep(self.wait_time())


def some_day() -> str:
    return (date(2026, 9, 1) + timedelta(days=random.randrange(300))).isoformat()


def some_student() -> dict:
    return {
        "first_name": random.choice(("Ada", "Ben", "Chen", "Dana", "Emil")),
        "last_name": random.choice(("Garcia", "Haddad", "Ito", "Jansen", "Kumar")),
        "email": f"{uuid.uuid4().hex}@school.example",
        "grade_level": random.randint(9, 12),
        "date_of_birth": "2010-05-17",
    }


def some_course() -> dict:
    return {
        "code": f"X-{uuid.uuid4().hex[:12].upper()}",
        "title": f"Elective {random.randint(1, 9)}",
        "subject": random.choice(("art", "history", "music", "physics")),
        "teacher_id": random.randint(1, ACCOUNTS),
        "credits": random.randint(1, 4),
    }
