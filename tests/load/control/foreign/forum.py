import uuid

from locust import HttpUser, SequentialTaskSet, TaskSet, constant, task


class ReadThread(TaskSet):
    wait_time = constant(0.05)

    @task(3)
    def read(self):
        self.client.get("/forum/threads/" + str(uuid.uuid4()))

    @task(1)
    def stop(self):
        self.interrupt()

    @task(1)
    class Reply(SequentialTaskSet):
        @task
        def form(self):
            self.client.get("/forum/threads/42/reply")

        @task
        def send(self):
            self.client.put("/forum/threads/42/posts/9f86d081884c7d659a2feaa0c55ad015", data={"text": "hi"})
            self.interrupt(reschedule=False)


class ForumPage(TaskSet):
    wait_time = constant(0.05)
    tasks = {ReadThread: 3}

    @task(1)
    def index(self):
        self.client.get("/forum/")

    @task(1)
    def missing(self):
        self.client.get("/forum/archive/2021-05-17")


class ForumUser(HttpUser):
    tasks = [ForumPage]
