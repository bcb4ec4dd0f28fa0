"""Fill an empty database with a school that is the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, select, text

from sample_backend.database import Database
from sample_backend.models import Attendance, Base, Course, Enrollment, Grade, Student, User
from sample_backend.passwords import hash_password

# Everybody's password: this is a school of invented people.
DEMO_PASSWORD = "correct-horse-battery-staple"
_DEMO_SALT = b"sample-backend-1"

TERM_START = date(2026, 9, 1)
TEACHERS = 25
COURSES_PER_STUDENT = 5
SCHOOL_WEEKS = 8
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
        for table, columns, rows in _school(size, random.Random(seed)):
            _insert(connection, table, columns, rows)
        if connection.dialect.name == "postgresql":
            _after_explicit_ids(connection)
    return True


_Table = tuple[type[Base], tuple[str, ...], list[tuple[Any, ...]]]


def _school(size: SchoolSize, luck: random.Random) -> Iterator[_Table]:
    """Tables in an order that satisfies their references; dates as ISO text, which both databases read."""
    # One hash for all: hashing each is half a minute's work and would show nothing.
    password_hash = hash_password(DEMO_PASSWORD, salt=_DEMO_SALT)
    yield (
        User,
        ("id", "email", "name", "role", "password_hash"),
        [
            (
                number,
                f"teacher{number}@school.example",
                f"{luck.choice(_FIRST_NAMES)} {luck.choice(_LAST_NAMES)}",
                "teacher",
                password_hash,
            )
            for number in range(1, TEACHERS + 1)
        ],
    )
    students = range(1, size.students + 1)
    student_columns = ("id", "first_name", "last_name", "email", "grade_level", "date_of_birth")
    yield Student, student_columns, [_student(number, luck) for number in students]
    courses = range(1, size.courses + 1)
    yield Course, ("id", "code", "title", "subject", "teacher_id", "credits"), [_course(number, luck) for number in courses]

    chosen = [(student, course) for student in students for course in sorted(luck.sample(courses, COURSES_PER_STUDENT))]
    start = TERM_START.isoformat()
    yield Enrollment, ("student_id", "course_id", "enrolled_on"), [(*pair, start) for pair in chosen]

    weeks = [(TERM_START + timedelta(weeks=week)).isoformat() for week in range(SCHOOL_WEEKS)]
    ability = {student: luck.gauss(74, 10) for student in students}
    yield (
        Grade,
        ("student_id", "course_id", "kind", "score", "graded_on"),
        [
            (student, course, GRADE_KINDS[week % 3], _score(luck.gauss(ability[student], 8)), weeks[week])
            for student, course in chosen
            for week in range(0, SCHOOL_WEEKS, 2)
        ],
    )
    yield (
        Attendance,
        ("student_id", "course_id", "day", "status"),
        [
            (*pair, week, status)
            for pair in chosen
            for week, status in zip(weeks, luck.choices(ATTENDANCE_STATUSES, (90, 4, 4, 2), k=SCHOOL_WEEKS), strict=True)
        ],
    )


def _student(number: int, luck: random.Random) -> tuple[Any, ...]:
    first, last = luck.choice(_FIRST_NAMES), luck.choice(_LAST_NAMES)
    level = luck.randint(9, 12)
    born = date(TERM_START.year - level - 6, 1, 1) + timedelta(days=luck.randrange(365))
    return number, first, last, f"{first}.{last}.{number}@school.example".lower(), level, born.isoformat()


def _course(number: int, luck: random.Random) -> tuple[Any, ...]:
    subject = _SUBJECTS[number % len(_SUBJECTS)]
    title = f"{subject.capitalize()} {1 + (number - 1) // len(_SUBJECTS)}"
    return number, f"{subject[:4].upper()}-{100 + number}", title, subject, 1 + number % TEACHERS, luck.choice((2, 3, 3, 4))


def _score(points: float) -> float:
    return round(min(max(points, 0), 100), 1)


def _insert(connection: Connection, table: type[Base], columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    """Tens of thousands of rows, without the work that the ORM does for each value."""
    into = f"{table.__tablename__} ({', '.join(columns)})"
    if connection.dialect.name != "postgresql":
        connection.exec_driver_sql(f"INSERT INTO {into} VALUES ({', '.join('?' * len(columns))})", rows)
        return
    driver: Any = connection.connection
    with driver.cursor() as cursor, cursor.copy(f"COPY {into} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _after_explicit_ids(connection: Connection) -> None:
    """PostgreSQL's sequences do not see ids that were given; move them on."""
    for table in (User, Student, Course):
        name = table.__tablename__
        connection.execute(text(f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), (SELECT max(id) FROM {name}))"))
    connection.execute(text("ANALYZE"))
