"""Grades: what students achieved."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException
from sqlalchemy import select

from sample_backend.auth import AccessDep
from sample_backend.models import Grade
from sample_backend.schemas import GradeChange, GradeIn, GradeOut, Page, PageDep, fetch_page

router = APIRouter(prefix="/grades", tags=["grades"])


@router.get("")
def list_grades(access: AccessDep, page: PageDep, student_id: int | None = None, course_id: int | None = None) -> Page[GradeOut]:
    statement = select(Grade).order_by(Grade.id)
    if student_id is not None:
        statement = statement.where(Grade.student_id == student_id)
    if course_id is not None:
        statement = statement.where(Grade.course_id == course_id)
    with access.session() as session:
        return Page[GradeOut].model_validate(fetch_page(session, statement, page), from_attributes=True)


@router.post("", status_code=201)
def add_grade(access: AccessDep, body: GradeIn) -> GradeOut:
    grade = Grade(**body.model_dump())
    with access.session() as session:
        session.add(grade)
    return GradeOut.model_validate(grade)


@router.put("/{grade_id}")
def change_grade(access: AccessDep, grade_id: int, body: GradeChange) -> GradeOut:
    with access.session() as session:
        grade = session.get(Grade, grade_id)
        if grade is None:
            raise HTTPException(404, f"there is no grade {grade_id}")
        grade.score = body.score
    return GradeOut.model_validate(grade)
