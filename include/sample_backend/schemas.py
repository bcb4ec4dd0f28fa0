"""What goes in and out over HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Generic, Literal, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Select, func
from sqlalchemy.orm import Session

Item = TypeVar("Item")
Name = Annotated[str, Field(min_length=1, max_length=100)]
Status = Literal["present", "absent", "late", "excused"]


class Stored(BaseModel):
    """Read from a row of the database."""

    model_config = ConfigDict(from_attributes=True)

    id: int


class StudentIn(BaseModel):
    first_name: Name
    last_name: Name
    email: str = Field(max_length=200, pattern=r"^[^@\s]+@[^@\s]+\.[^@\s.]+$")
    grade_level: int = Field(ge=1, le=12)
    date_of_birth: date


class StudentOut(Stored):
    first_name: str
    last_name: str
    email: str
    grade_level: int
    date_of_birth: date


class CourseIn(BaseModel):
    code: str = Field(min_length=3, max_length=20)
    title: str = Field(min_length=1, max_length=200)
    subject: str = Field(min_length=1, max_length=50)
    teacher_id: int
    credits: int = Field(ge=1, le=10)


class CourseOut(Stored, CourseIn):
    pass


class CourseDetail(CourseOut):
    teacher: str
    enrolled: int


class EnrollmentIn(BaseModel):
    student_id: int
    course_id: int


class EnrollmentOut(Stored, EnrollmentIn):
    enrolled_on: date


class GradeIn(BaseModel):
    student_id: int
    course_id: int
    kind: Literal["homework", "quiz", "exam"]
    score: float = Field(ge=0, le=100)
    graded_on: date


class GradeOut(Stored, GradeIn):
    pass


class GradeChange(BaseModel):
    score: float = Field(ge=0, le=100)


class AttendanceIn(BaseModel):
    student_id: int
    course_id: int
    day: date
    status: Status


class AttendanceOut(Stored, AttendanceIn):
    pass


class AttendanceChange(BaseModel):
    status: Status


class Page(BaseModel, Generic[Item]):
    """One page of a list; `total` counts all pages' items."""

    items: list[Item]
    total: int
    page: int
    page_size: int


@dataclass(frozen=True)
class PageRequest:
    page: int
    page_size: int


async def _page_request(
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1, page_size: Annotated[int, Query(ge=1, le=100)] = 20
) -> PageRequest:
    return PageRequest(page, page_size)


PageDep = Annotated[PageRequest, Depends(_page_request)]


def fetch_page(session: Session, statement: Select, page: PageRequest) -> dict[str, Any]:
    """One page of an ordered `statement` over one table, as the fields of `Page`."""
    total = session.scalar(statement.with_only_columns(func.count(), maintain_column_froms=True).order_by(None))
    rows = session.scalars(statement.limit(page.page_size).offset((page.page - 1) * page.page_size)).all()
    return {"items": rows, "total": total, "page": page.page, "page_size": page.page_size}
