"""Students: who they are."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query
from sqlalchemy import or_, select

from sample_backend.auth import AccessDep
from sample_backend.models import Grade, Student
from sample_backend.schemas import GradeOut, Page, PageDep, StudentIn, StudentOut, fetch_page

router = APIRouter(prefix="/students", tags=["students"])


@router.get("")
def list_students(
    access: AccessDep,
    page: PageDep,
    search: Annotated[str | None, Query(max_length=100, description="part of a name or e-mail address")] = None,
    grade_level: Annotated[int | None, Query(ge=1, le=12)] = None,
) -> Page[StudentOut]:
    statement = select(Student).order_by(Student.last_name, Student.first_name, Student.id)
    if search:
        fields = (Student.first_name, Student.last_name, Student.email)
        statement = statement.where(or_(*(field.icontains(search, autoescape=True) for field in fields)))
    if grade_level is not None:
        statement = statement.where(Student.grade_level == grade_level)
    with access.session() as session:
        return _page(fetch_page(session, statement, page))


@router.post("", status_code=201)
def add_student(access: AccessDep, body: StudentIn) -> StudentOut:
    student = Student(**body.model_dump())
    with access.session() as session:
        session.add(student)
    return StudentOut.model_validate(student)


@router.get("/{student_id}")
def get_student(access: AccessDep, student_id: int) -> StudentOut:
    with access.session() as session:
        student = session.get(Student, student_id)
    if student is None:
        raise _no_student(student_id)
    return StudentOut.model_validate(student)


@router.put("/{student_id}")
def change_student(access: AccessDep, student_id: int, body: StudentIn) -> StudentOut:
    with access.session() as session:
        student = session.get(Student, student_id)
        if student is None:
            raise _no_student(student_id)
        for field, value in body:
            setattr(student, field, value)
    return StudentOut.model_validate(student)


@router.get("/{student_id}/grades")
def list_grades_of_student(access: AccessDep, student_id: int) -> list[GradeOut]:
    with access.session() as session:
        if session.get(Student, student_id) is None:
            raise _no_student(student_id)
        grades = session.scalars(select(Grade).where(Grade.student_id == student_id).order_by(Grade.id)).all()
    return [GradeOut.model_validate(grade) for grade in grades]


def _page(fields: dict[str, Any]) -> Page[StudentOut]:
    return Page[StudentOut].model_validate(fields, from_attributes=True)


def _no_student(student_id: int) -> HTTPException:
    return HTTPException(404, f"there is no student {student_id}")
