"""A brisk reader of the sample backend: enough requests of six endpoints in seconds for a comparison."""

from __future__ import annotations

import os
import random

from locust import FastHttpUser, between, task

API = "/api/v1"
PASSWORD = os.environ.get("STUDENT_API_PASSWORD", "correct-horse-battery-staple")


class Reader(FastHttpUser):
    wait_time = between(0.02, 0.06)

    def on_start(self) -> None:
        account = {"email": f"teacher{random.randint(1, 25)}@school.example", "password": PASSWORD}
        tokens = self.client.post(f"{API}/auth/login", json=account).json()
        self.headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        self.students = [item["id"] for item in self.read("students").json()["items"]]
        self.courses = [item["id"] for item in self.read("courses").json()["items"]]

    def read(self, path: str):
        return self.client.get(f"{API}/{path}", headers=self.headers)

    @task(2)
    def list_students(self) -> None:
        self.read("students?page_size=20")

    @task(2)
    def one_student(self) -> None:
        self.read(f"students/{random.choice(self.students)}")

    @task(2)
    def list_courses(self) -> None:
        self.read("courses?page_size=20")

    @task(2)
    def one_course(self) -> None:
        self.read(f"courses/{random.choice(self.courses)}")

    @task
    def list_grades(self) -> None:
        self.read("grades?page_size=20")

    @task
    def list_attendance(self) -> None:
        self.read("attendance?page_size=20")
