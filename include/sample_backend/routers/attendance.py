"""Attendance: who was there."""

from __future__ import annotations

from datetime import date

from fastapi import APIRouter, HTTPException, Response
from sqlalchemy import select

from sample_backend.auth import AccessDep
from sample_backend.models import Attendance
from sample_backend.schemas import AttendanceChange, AttendanceIn, AttendanceOut, Page, PageDep, fetch_page

router = APIRouter(prefix="/attendance", tags=["attendance"])


@router.get("")
def list_attendance(
    access: AccessDep,
    page: PageDep,
    course_id: int | None = None,
    student_id: int | None = None,
    day: date | None = None,
) -> Page[AttendanceOut]:
    statement = select(Attendance).order_by(Attendance.id)
    if course_id is not None:
        statement = statement.where(Attendance.course_id == course_id)
    if student_id is not None:
        statement = statement.where(Attendance.student_id == student_id)
    if day is not None:
        statement = statement.where(Attendance.day == day)
    with access.session() as session:
        return Page[AttendanceOut].model_validate(fetch_page(session, statement, page), from_attributes=True)


@router.post("", status_code=201)
def record_attendance(access: AccessDep, body: AttendanceIn, response: Response) -> AttendanceOut:
    """201 for a new record, 200 where the same student, course and day were recorded before: the last one counts."""
    same = select(Attendance).filter_by(student_id=body.student_id, course_id=body.course_id, day=body.day)
    with access.session() as session:
        record = session.scalar(same)
        if record is None:
            record = Attendance(**body.model_dump())
            session.add(record)
        else:
            record.status = body.status
            response.status_code = 200
    return AttendanceOut.model_validate(record)


@router.put("/{attendance_id}")
def change_attendance(access: AccessDep, attendance_id: int, body: AttendanceChange) -> AttendanceOut:
    with access.session() as session:
        record = session.get(Attendance, attendance_id)
        if record is None:
            raise HTTPException(404, f"there is no attendance record {attendance_id}")
        record.status = body.status
    return AttendanceOut.model_validate(record)
