import random
import time

from locust import HttpUser, between, events, task


@events.test_start.add_listener
def _(environment, **kw):
    print("shop test is starting")


class ShopUser(HttpUser):
    wait_time = between(0.05, 0.2)

    def on_start(self):
        self.client.post("/login", {"username": "testuser", "password": "secret"})

    @task(5)
    def view_item(self):
        item_id = random.randint(1, 10000)
        self.client.get(f"/item/{item_id}?ref=home&ts={time.time()}")

    @task
    def cart(self):
        with self.client.get(f"/user/{random.randint(1, 500)}/cart", catch_response=True) as response:
            if response.elapsed.total_seconds() > 5:
                response.failure("Request took too long")

    @task
    def checkout(self):
        self.client.post("/api/orders", json={"items": [1, 2, 3]}, name="/api/orders [checkout]")
