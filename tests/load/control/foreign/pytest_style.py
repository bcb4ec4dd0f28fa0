"""A pytest file as Locust 2.43 and later run it."""

import time


def test_front_page(session):
    session.get("/")
    time.sleep(0.05)


def test_thread(fastsession):
    fastsession.get("/threads/17")
    with fastsession.get("/threads/18", name="/threads/broken", catch_response=True) as answer:
        answer.failure("checked")
    time.sleep(0.05)
