"""The principal's dashboard: aggregates over the whole school, computed by the database at each request."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel
from sqlalchemy import FromClause, case, func, select
from sqlalchemy.orm import Session

from sample_backend.auth import AccessDep
from sample_backend.models import Attendance, Base, Course, Enrollment, Grade, Student

router = APIRouter(prefix="/analytics", tags=["analytics"])


class CourseResult(BaseModel):
    course_id: int
    title: str
    average_score: float
    grades: int


class LevelSummary(BaseModel):
    grade_level: int
    students: int


class Dashboard(BaseModel):
    students: int
    courses: int
    enrollments: int
    average_score: float | None
    attendance_rate: float | None
    students_at_risk: int
    levels: list[LevelSummary]
    best_courses: list[CourseResult]


PASSING_SCORE = 60


@router.get("/dashboard")
def dashboard(access: AccessDep) -> Dashboard:
    present = func.avg(case((Attendance.status.in_(("present", "late")), 1.0), else_=0.0))
    failing = select(Grade.student_id).group_by(Grade.student_id).having(func.avg(Grade.score) < PASSING_SCORE).subquery()
    per_course = (
        select(Course.id, Course.title, func.avg(Grade.score).label("average"), func.count().label("grades"))
        .join(Grade, Grade.course_id == Course.id)
        .group_by(Course.id, Course.title)
        .order_by(func.avg(Grade.score).desc(), Course.id)
        .limit(5)
    )
    per_level = select(Student.grade_level, func.count()).group_by(Student.grade_level).order_by(Student.grade_level)
    with access.session() as session:
        return Dashboard(
            students=_rows(session, Student),
            courses=_rows(session, Course),
            enrollments=_rows(session, Enrollment),
            average_score=session.scalar(select(func.avg(Grade.score))),
            attendance_rate=session.scalar(select(present)),
            students_at_risk=_rows(session, failing),
            levels=[LevelSummary(grade_level=level, students=count) for level, count in session.execute(per_level)],
            best_courses=[
                CourseResult(course_id=row.id, title=row.title, average_score=row.average, grades=row.grades)
                for row in session.execute(per_course)
            ],
        )


def _rows(session: Session, source: type[Base] | FromClause) -> int:
    return session.scalars(select(func.count()).select_from(source)).one()
