"""Fill an empty database with a school that is the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, insert, select, text

from sample_backend.database import Database
from sample_backend.models import Attendance, Base, Course, Enrollment, Grade, Student, User
from sample_backend.passwords import hash_password

# Everybody's password: this is a school of invented people.
DEMO_PASSWORD = "correct-horse-battery-staple"
_DEMO_SALT = b"sample-backend-1"

TERM_START = date(2026, 9, 1)
TEACHERS = 25
COURSES_PER_STUDENT = 5
SCHOOL_DAYS = 8
GRADE_KINDS = ("homework", "quiz", "exam")
ATTENDANCE_STATUSES = ("present", "absent", "late", "excused")

_FIRST_NAMES = (
    "Ada",
    "Alan",
    "Amara",
    "Anders",
    "Aisha",
    "Ben",
    "Carla",
    "Chen",
    "Dana",
    "Diego",
    "Elena",
    "Emil",
    "Fatima",
    "Finn",
    "Grace",
    "Hana",
    "Hugo",
    "Ines",
    "Ivan",
    "Jana",
    "Jonas",
    "Kofi",
    "Lena",
    "Liam",
    "Lucia",
    "Marco",
    "Maya",
    "Mei",
    "Nadia",
    "Noah",
    "Olga",
    "Omar",
    "Paula",
    "Priya",
    "Rosa",
    "Samir",
    "Sofia",
    "Tara",
    "Tomas",
    "Yuki",
)
_LAST_NAMES = (
    "Abbott",
    "Adeyemi",
    "Bauer",
    "Becker",
    "Castro",
    "Chen",
    "Costa",
    "Diaz",
    "Dubois",
    "Eriksen",
    "Fischer",
    "Garcia",
    "Haddad",
    "Hansen",
    "Ito",
    "Jansen",
    "Kaya",
    "Kowalski",
    "Kumar",
    "Lopez",
    "Mbeki",
    "Meyer",
    "Moreau",
    "Nakamura",
    "Novak",
    "Okafor",
    "Olsen",
    "Petrov",
    "Quinn",
    "Rossi",
    "Santos",
    "Schmidt",
    "Silva",
    "Singh",
    "Sousa",
    "Tanaka",
    "Vargas",
    "Walker",
    "Weber",
    "Zhang",
)
_SUBJECTS = ("mathematics", "physics", "chemistry", "biology", "history", "geography", "english", "spanish", "art", "music")


@dataclass(frozen=True)
class SchoolSize:
    students: int = 1_000
    courses: int = 50


def seed_if_empty(database: Database, size: SchoolSize, seed: int) -> bool:
    """Fill the database in one transaction if it has no user yet; returns whether it did. ValueError: bad size."""
    if size.students < 1 or size.courses < COURSES_PER_STUDENT:
        raise ValueError(f"a school has at least 1 student and {COURSES_PER_STUDENT} courses.")
    with database.engine.begin() as connection:
        if connection.scalar(select(User.id).limit(1)) is not None:
            return False
        for table, rows in _school(size, random.Random(seed)):
            _insert(connection, table, rows)
        if connection.dialect.name == "postgresql":
            _after_explicit_ids(connection)
    return True


def _school(size: SchoolSize, luck: random.Random) -> Iterator[tuple[type[Base], list[dict[str, Any]]]]:
    # One hash for all: hashing each is a quarter of a minute's work and would show nothing.
    password_hash = hash_password(DEMO_PASSWORD, salt=_DEMO_SALT)
    yield (
        User,
        [
            {
                "id": number,
                "email": f"teacher{number}@school.example",
                "name": f"{luck.choice(_FIRST_NAMES)} {luck.choice(_LAST_NAMES)}",
                "role": "teacher",
                "password_hash": password_hash,
            }
            for number in range(1, TEACHERS + 1)
        ],
    )
    students = [_student(number, luck) for number in range(1, size.students + 1)]
    yield Student, students
    yield (
        Course,
        [
            {
                "id": number,
                "code": f"{(subject := _SUBJECTS[number % len(_SUBJECTS)])[:4].upper()}-{100 + number}",
                "title": f"{subject.capitalize()} {1 + (number - 1) // len(_SUBJECTS)}",
                "subject": subject,
                "teacher_id": 1 + number % TEACHERS,
                "credits": luck.choice((2, 3, 3, 4)),
            }
            for number in range(1, size.courses + 1)
        ],
    )
    courses = range(1, size.courses + 1)
    chosen = [(student["id"], course) for student in students for course in sorted(luck.sample(courses, COURSES_PER_STUDENT))]
    yield Enrollment, [{"student_id": student, "course_id": course, "enrolled_on": TERM_START} for student, course in chosen]

    ability = {student["id"]: luck.gauss(74, 10) for student in students}
    yield Grade, [_grade(student, course, week, ability[student], luck) for student, course in chosen for week in range(1, 5)]
    yield (
        Attendance,
        [
            {"student_id": student, "course_id": course, "day": TERM_START + timedelta(days=7 * day), "status": status}
            for student, course in chosen
            for day, status in enumerate(luck.choices(ATTENDANCE_STATUSES, (90, 4, 4, 2), k=SCHOOL_DAYS))
        ],
    )


def _student(number: int, luck: random.Random) -> dict[str, Any]:
    first, last = luck.choice(_FIRST_NAMES), luck.choice(_LAST_NAMES)
    level = luck.randint(9, 12)
    return {
        "id": number,
        "first_name": first,
        "last_name": last,
        "email": f"{first}.{last}.{number}@school.example".lower(),
        "grade_level": level,
        "date_of_birth": date(TERM_START.year - level - 6, 1, 1) + timedelta(days=luck.randrange(365)),
    }


def _grade(student: int, course: int, week: int, ability: float, luck: random.Random) -> dict[str, Any]:
    return {
        "student_id": student,
        "course_id": course,
        "kind": GRADE_KINDS[week % len(GRADE_KINDS)],
        "score": round(min(max(luck.gauss(ability, 8), 0), 100), 1),
        "graded_on": TERM_START + timedelta(weeks=week),
    }


def _insert(connection: Connection, table: type[Base], rows: list[dict[str, Any]]) -> None:
    if connection.dialect.name != "postgresql":
        connection.execute(insert(table), rows)
        return
    # COPY: row by row, tens of thousands of rows take several seconds.
    columns = list(rows[0])
    with (
        connection.connection.cursor() as cursor,
        cursor.copy(f"COPY {table.__tablename__} ({', '.join(columns)}) FROM STDIN") as copy,
    ):
        for row in rows:
            copy.write_row([row[column] for column in columns])


def _after_explicit_ids(connection: Connection) -> None:
    """PostgreSQL's sequences do not see ids that were given; move them on."""
    for table in (User, Student, Course):
        name = table.__tablename__
        connection.execute(text(f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), (SELECT max(id) FROM {name}))"))
    connection.execute(text("ANALYZE"))
