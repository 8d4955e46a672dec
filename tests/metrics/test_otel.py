"""OpenTelemetry's SDK collects the pool by the names of its semantic conventions."""

from fastapi import FastAPI
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, NumberDataPoint, Sum
from opentelemetry.semconv._incubating.attributes import db_attributes
from opentelemetry.semconv._incubating.metrics import db_metrics

from plimsoll import Database, DatabaseSettings
from plimsoll.fastapi import install
from plimsoll.metrics import otel
from plimsoll.snapshot.source import Source
from tests.metrics.source import Still
from tests.servers import TestDatabase
from tests.snapshot.samples import EXHAUSTED, HEALTHY


def collected(source: Source) -> dict[tuple[str, str], tuple[float, str, str]]:
    """By name and state: the number, the unit and the kind."""
    reader = InMemoryMetricReader()
    provider = MeterProvider((reader,))
    otel.register(source, provider.get_meter("test"), pool_name="shop")
    data = reader.get_metrics_data()
    provider.shutdown()
    assert data is not None
    found = {}
    for metric in data.resource_metrics[0].scope_metrics[0].metrics:
        assert isinstance(metric.data, Sum)
        for point in metric.data.data_points:
            assert isinstance(point, NumberDataPoint)
            assert point.attributes is not None
            assert point.attributes[otel.POOL_NAME] == "shop"
            kind = "counter" if metric.data.is_monotonic else "up-down"
            key = (metric.name, str(point.attributes.get(otel.STATE, "")))
            found[key] = (point.value, metric.unit or "", kind)
    return found


def test_the_pool_is_there_by_the_names_of_the_conventions() -> None:
    """With their units and kinds."""
    found = collected(Still(EXHAUSTED))
    expected = {
        (db_metrics.DB_CLIENT_CONNECTION_COUNT, "used"): (40, "{connection}", "up-down"),
        (db_metrics.DB_CLIENT_CONNECTION_COUNT, "idle"): (0, "{connection}", "up-down"),
        (db_metrics.DB_CLIENT_CONNECTION_MAX, ""): (40, "{connection}", "up-down"),
        (db_metrics.DB_CLIENT_CONNECTION_IDLE_MAX, ""): (20, "{connection}", "up-down"),
        (db_metrics.DB_CLIENT_CONNECTION_PENDING_REQUESTS, ""): (25, "{request}", "up-down"),
        (db_metrics.DB_CLIENT_CONNECTION_TIMEOUTS, ""): (7, "{timeout}", "counter"),
    }
    assert {key: value for key, value in found.items() if key[0].startswith("db.")} == expected
    assert otel.POOL_NAME == db_attributes.DB_CLIENT_CONNECTION_POOL_NAME
    assert otel.STATE == db_attributes.DB_CLIENT_CONNECTION_STATE
    states = {state.value for state in db_attributes.DbClientConnectionStateValues}
    assert {state for _, state in found if state} == states


async def test_an_installed_application_has_all_of_them(sqlite_database: TestDatabase) -> None:
    """Also the least that are kept idle, which the settings tell with their unit."""
    database = Database(DatabaseSettings(database_url=sqlite_database.url, pool_min_idle=2))
    app = FastAPI()
    install(app, database)
    async with app.router.lifespan_context(app):
        found = collected(app.state.plimsoll.observer)
    assert found[db_metrics.DB_CLIENT_CONNECTION_IDLE_MIN, ""] == (2, "{connection}", "up-down")
    assert found[db_metrics.DB_CLIENT_CONNECTION_MAX, ""][0] == 40


def test_times_have_their_sums_and_counts_under_names_of_our_own() -> None:
    """The conventions' names are those of histograms, which these are not."""
    found = collected(Still(HEALTHY))
    assert found["plimsoll.pool.wait_time.sum", ""] == (2.0, "s", "counter")
    assert found["plimsoll.pool.wait_time.count", ""][0] == 5_000
    assert found["plimsoll.pool.use_time.sum", ""][0] == 90.0
    assert found["plimsoll.pool.create_time.count", ""][0] == 10
    assert db_metrics.DB_CLIENT_CONNECTION_WAIT_TIME not in {name for name, _ in found}
