"""Enrollments: who takes which course."""

from __future__ import annotations

from datetime import date

from fastapi import APIRouter
from sqlalchemy import select

from sample_backend.auth import AccessDep
from sample_backend.models import Enrollment
from sample_backend.schemas import EnrollmentIn, EnrollmentOut, Page, PageDep, fetch_page

router = APIRouter(prefix="/enrollments", tags=["enrollments"])


@router.get("")
def list_enrollments(
    access: AccessDep, page: PageDep, student_id: int | None = None, course_id: int | None = None
) -> Page[EnrollmentOut]:
    statement = select(Enrollment).order_by(Enrollment.id)
    if student_id is not None:
        statement = statement.where(Enrollment.student_id == student_id)
    if course_id is not None:
        statement = statement.where(Enrollment.course_id == course_id)
    with access.session() as session:
        return Page[EnrollmentOut].model_validate(fetch_page(session, statement, page), from_attributes=True)


@router.post("", status_code=201)
def enroll(access: AccessDep, body: EnrollmentIn) -> EnrollmentOut:
    """409 when the student already takes the course or one of them does not exist."""
    enrollment = Enrollment(**body.model_dump(), enrolled_on=date.today())
    with access.session() as session:
        session.add(enrollment)
    return EnrollmentOut.model_validate(enrollment)
