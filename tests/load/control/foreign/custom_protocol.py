"""Tests our message queue gateway - needs a custom client."""

import time

import gevent
from locust import FastHttpUser, User, events, task

stats = {"count": 0}


class QueueClient:
    def __init__(self, host, request_event):
        self.host = host
        self._request_event = request_event

    def publish(self, topic, payload):
        request_meta = {
            "request_type": "queue",
            "name": f"publish {topic}",
            "start_time": time.time(),
            "response_length": len(payload),
            "exception": None,
            "context": {},
            "response": None,
        }
        start = time.perf_counter()
        gevent.sleep(0.01)
        if topic == "broken":
            request_meta["exception"] = TimeoutError("timed out")
        request_meta["response_time"] = (time.perf_counter() - start) * 1000
        self._request_event.fire(**request_meta)


class QueueUser(User):
    weight = 2

    def __init__(self, environment):
        super().__init__(environment)
        self.client = QueueClient(self.host, environment.events.request)

    def wait_time(self):
        return 0.1

    @task
    def publish(self):
        self.client.publish("grades", "x" * 321)

    @task
    def publish_broken(self):
        self.client.publish("broken", "")


class ApiUser(FastHttpUser):
    @task
    def poll(self):
        with self.rest("GET", "/status/17") as resp:
            assert resp.js["ok"] is True
        # old style: some plugins fire without start_time, and with odd values
        self.environment.events.request.fire(
            request_type="CALC", name="think", response_time=None, response_length=None, exception=None, context={}
        )
        gevent.sleep(0.1)


@events.request.add_listener
def count(request_type, name, **kwargs):
    stats["count"] += 1


@events.quitting.add_listener
def check(environment, **kw):
    if environment.stats.total.fail_ratio > 0.9:
        environment.process_exit_code = 1
