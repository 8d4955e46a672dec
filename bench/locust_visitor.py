"""What each of locust's users does in `bench_overload.py`: ask for a row again and again. Answers are told apart by
their status, which locust calls a request's name."""

from locust import FastHttpUser, constant, task


class Visitor(FastHttpUser):
    """A closed loop of its own, without a pause."""

    wait_time = constant(0)
    network_timeout = 5.0
    connection_timeout = 5.0

    @task
    def row(self) -> None:
        """One answer of whatever status; none at all is `0`."""
        with self.client.get("/row", catch_response=True) as response:
            response.request_meta["name"] = str(response.status_code)
            response.success()
