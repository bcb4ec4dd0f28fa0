"""Courses: what is taught, by whom, to how many."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query
from sqlalchemy import func, or_, select

from sample_backend.auth import AccessDep
from sample_backend.models import Course, Enrollment, User
from sample_backend.schemas import CourseDetail, CourseIn, CourseOut, Page, PageDep, fetch_page

router = APIRouter(prefix="/courses", tags=["courses"])


@router.get("")
def list_courses(
    access: AccessDep,
    page: PageDep,
    search: Annotated[str | None, Query(max_length=100, description="part of a code or title")] = None,
    subject: Annotated[str | None, Query(max_length=50)] = None,
) -> Page[CourseOut]:
    statement = select(Course).order_by(Course.code)
    if search:
        statement = statement.where(or_(*(field.icontains(search, autoescape=True) for field in (Course.code, Course.title))))
    if subject:
        statement = statement.where(Course.subject == subject)
    with access.session() as session:
        return Page[CourseOut].model_validate(fetch_page(session, statement, page), from_attributes=True)


@router.post("", status_code=201)
def add_course(access: AccessDep, body: CourseIn) -> CourseOut:
    course = Course(**body.model_dump())
    with access.session() as session:
        session.add(course)
    return CourseOut.model_validate(course)


@router.get("/{course_id}")
def get_course(access: AccessDep, course_id: int) -> CourseDetail:
    enrolled = select(func.count()).where(Enrollment.course_id == course_id).scalar_subquery()
    statement = select(Course, User.name, enrolled).join(User, User.id == Course.teacher_id).where(Course.id == course_id)
    with access.session() as session:
        row = session.execute(statement).one_or_none()
    if row is None:
        raise _no_course(course_id)
    course, teacher, count = row
    return CourseDetail(**CourseOut.model_validate(course).model_dump(), teacher=teacher, enrolled=count)


@router.put("/{course_id}")
def change_course(access: AccessDep, course_id: int, body: CourseIn) -> CourseOut:
    with access.session() as session:
        course = session.get(Course, course_id)
        if course is None:
            raise _no_course(course_id)
        for field, value in body:
            setattr(course, field, value)
    return CourseOut.model_validate(course)


def _no_course(course_id: int) -> HTTPException:
    return HTTPException(404, f"there is no course {course_id}")
